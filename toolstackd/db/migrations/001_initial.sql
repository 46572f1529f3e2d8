-- SPDX-License-Identifier: Apache-2.0
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE domain (
    uuid       TEXT PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    config     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    managed    INTEGER NOT NULL,
    desired    TEXT NOT NULL,
    reason     TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

-- One row a domain: the instance that is, or that was last.
CREATE TABLE instance (
    uuid          TEXT PRIMARY KEY REFERENCES domain(uuid) ON DELETE CASCADE,
    domid         INTEGER NOT NULL,
    boot_id       TEXT NOT NULL,
    boot_seq      INTEGER NOT NULL,
    phase         TEXT NOT NULL,
    after_end     TEXT NOT NULL,
    start_paused  INTEGER NOT NULL,
    started_ms    INTEGER NOT NULL,
    last_exit     TEXT NOT NULL,
    exit_ms       INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    store_frame   INTEGER NOT NULL,
    console_frame INTEGER NOT NULL,
    store_port    INTEGER NOT NULL,
    console_port  INTEGER NOT NULL
) STRICT;

CREATE TABLE op (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        TEXT NOT NULL,
    name        TEXT NOT NULL,
    verb        TEXT NOT NULL,
    args        TEXT NOT NULL,
    state       TEXT NOT NULL,
    step        TEXT NOT NULL,
    idem_key    TEXT UNIQUE,
    by_uid      INTEGER NOT NULL,
    domid       INTEGER NOT NULL,
    boot_seq    INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL,
    error_code  TEXT NOT NULL,
    error       TEXT NOT NULL,
    next        TEXT NOT NULL,
    result      TEXT NOT NULL
) STRICT;
CREATE INDEX op_unfinished ON op (id) WHERE finished_ms = 0;

-- Everything with a name that one domain at a time may hold. A row is written before its object.
CREATE TABLE resource (
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    uuid  TEXT NOT NULL REFERENCES domain(uuid),
    state TEXT NOT NULL,
    devid INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT;
CREATE INDEX resource_of ON resource (uuid);

CREATE TABLE device (
    uuid   TEXT NOT NULL REFERENCES domain(uuid) ON DELETE CASCADE,
    kind   TEXT NOT NULL,
    devid  INTEGER NOT NULL,
    config TEXT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (uuid, kind, devid)
) STRICT;

-- AUTOINCREMENT: a sequence number is never used again, also after the newest rows were pruned.
CREATE TABLE event (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    time_ms INTEGER NOT NULL,
    uuid    TEXT NOT NULL,
    name    TEXT NOT NULL,
    kind    TEXT NOT NULL,
    body    TEXT NOT NULL
) STRICT;
