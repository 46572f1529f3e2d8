-- SPDX-License-Identifier: Apache-2.0
-- From here on instance.phase may be "dumping" and instance.after_end "keep": programs of schema 1
-- do not know the words, and must not open a database that holds them.

-- Whose console a log file holds, also when the domain has been forgotten.
CREATE TABLE console (
    uuid       TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    started_ms INTEGER NOT NULL
) STRICT;
