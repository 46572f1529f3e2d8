// SPDX-License-Identifier: Apache-2.0
// Consoles: the PV consoles of domains (public/io/console.h). Keeps the history in memory and in a
// rotated log file, serves many readers and one writer; a guest can neither stall the daemon nor
// fill the disk. Used by the domain layer (open, close, forget) and by the API (history, attach);
// daemon's thread only.
#pragma once

#include "common/base/address.hpp"
#include "common/rpc/uuid.hpp"
#include "common/rpc/views.hpp"
#include "toolstackd/sys/answer.hpp"

#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace zocalo::toolstack {

// One client looking at a console. A reader that does not keep up loses output and finds a marker
// in its place; it never holds up the guest or another reader.
class ConsoleReader {
  public:
    // Detaches, and gives the writer's place back.
    virtual ~ConsoleReader() = default;

    // The next output, at most 64 KiB; waits until there is some. Empty: the console has ended, see
    // `end_reason`. One call at a time.
    virtual Answer<std::string> read() = 0;
    // Hands input to the guest, as fast as the guest takes it. Code::conflict without the writer's
    // place (or when it was stolen), Code::unreachable when the console has ended.
    virtual Answer<Unit> write(std::string input) = 0;
    // Makes `read` and `write` end: the client has gone.
    virtual void cancel() = 0;
    virtual std::string end_reason() const = 0;
};

struct ConsoleAttach {
    std::size_t replay{std::numeric_limits<std::size_t>::max()}; // bytes of history to begin with
    bool write{};                                                // claim the writer's place
    bool steal{};                                                // also when somebody has it
};

class Consoles {
  public:
    virtual ~Consoles() = default;

    // Maps the console ring and binds its event channel. Idempotent; also used again after a
    // restart of the daemon, when the history is read back from the log file. `port` is the
    // domain's port number; `frame` as in Wiring (the ring is mapped through grant 0,
    // GNTTAB_RESERVED_CONSOLE).
    virtual Answer<Unit> open(
        const rpc::Uuid& uuid, std::string name, DomId domid, std::uint64_t frame, EventPort port
    ) = 0;
    // Serves the domain's channels, whose nodes are in xenstore, until `close`. Idempotent as open.
    virtual Answer<Unit> follow_channels(
        const rpc::Uuid& uuid, DomId domid, std::vector<rpc::ChannelConfig> channels
    ) = 0;
    virtual Answer<std::vector<rpc::ChannelView>> channels(rpc::Uuid uuid) = 0;
    // The domain is gone from Xen: its readers end with that reason, its history stays.
    virtual void close(const rpc::Uuid& uuid, const std::string& reason) = 0;
    // The domain is gone from the database too. The log file stays, for whoever asks why;
    // tmpfiles.d removes old ones.
    virtual void forget(const rpc::Uuid& uuid) = 0;

    // The last `bytes` of what the domain wrote, also when it is not running. Code::not_found when
    // it never had a console here.
    virtual Answer<std::string> history(rpc::Uuid uuid, std::size_t bytes) = 0;
    // Code::conflict when somebody else writes and `steal` was not asked for.
    virtual Answer<std::unique_ptr<ConsoleReader>> attach(rpc::Uuid uuid, ConsoleAttach how) = 0;
};

} // namespace zocalo::toolstack
