// SPDX-License-Identifier: Apache-2.0
// Consoles: the PV consoles of domains (public/io/console.h). Keeps the history in memory and in a
// rotated log file, serves many readers and one writer; a guest can neither stall the daemon nor
// fill the disk.
#pragma once

#include "common/base/address.hpp"
#include "common/rpc/uuid.hpp"
#include "toolstackd/sys/answer.hpp"

#include <memory>
#include <string>

namespace zocalo::toolstack {

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
    // The domain is gone; its history and log stay until `forget`.
    virtual void close(const rpc::Uuid& uuid, const std::string& reason) = 0;
    virtual void forget(const rpc::Uuid& uuid) = 0;
};

} // namespace zocalo::toolstack
