// SPDX-License-Identifier: Apache-2.0
// Store: xenstore as the daemon uses it. Changes travel as values; those that depend on what is
// there are committed in one transaction that is retried as a whole on conflict; watches call back
// on the daemon's thread. When xenstored is gone every call answers Code::unreachable and `up()` is
// false; watches are re-armed when it returns.
#pragma once

#include "common/base/address.hpp"
#include "toolstackd/sys/answer.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zocalo::toolstack {

// One permission as xs_wire spells it: "n0", "r7", "w7", "b7"; the first of a list names the owner.
using Permissions = std::vector<std::string>;

struct StoreChange {
    enum class Kind { write, mkdir, remove, permit }; // permit: only sets the permissions
    Kind kind{Kind::write};
    std::string path, value;
    // Empty: a new node's are those of its parent, as they are at that moment.
    Permissions permissions;
};

// What must hold inside the transaction, else it is dropped with Code::conflict: a write to the
// path of a domain that has gone would otherwise recreate it.
struct StoreGuard {
    std::string path;
    std::optional<std::string> value; // nullopt: the path only has to exist
    bool absent{};                    // true: the path must not exist
};

class Store {
  public:
    virtual ~Store() = default;
    virtual bool up() const = 0;

    // With guards one transaction. Without any the changes are sent as they are, in order: nobody
    // is promised to see them together, and nothing that others change can make it fail.
    virtual Answer<Unit>
    commit(std::vector<StoreChange> changes, std::vector<StoreGuard> guards) = 0;
    // nullopt: no such node. Values are binary-safe and bounded by xs_wire's 4096 bytes.
    virtual Answer<std::optional<std::string>> read(std::string path) = 0;
    // Names of the children, empty when there are none or the node is missing.
    virtual Answer<std::vector<std::string>> list(std::string path) = 0;

    virtual Answer<Unit> introduce(DomId domid, std::uint64_t frame, EventPort port) = 0;
    virtual Answer<Unit> release(DomId domid) = 0;
    virtual Answer<bool> is_introduced(DomId domid) = 0;

    // Calls `changed` with the changed path, first once for the path itself as xenstored does. The
    // watch lives as long as the returned handle. At most one call is queued per path (XSA-349).
    // "@introduceDomain" and "@releaseDomain" are paths too.
    using Watch = std::shared_ptr<void>;
    virtual Watch watch(std::string path, std::function<void(const std::string&)> changed) = 0;

    // xs_wire requests sent so far: a cost of operations that does not depend on the machine.
    virtual std::uint64_t request_count() const = 0;
};

} // namespace zocalo::toolstack
