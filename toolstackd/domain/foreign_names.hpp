// SPDX-License-Identifier: Apache-2.0
// ForeignNames: what other toolstacks call their domains. xenstore is asked once per domain and
// then watched, so that a create and a list cost the same however many foreign domains there are.
// Used by whoever looks for a name; it knows nothing of our own domains.
#pragma once

#include "toolstackd/sys/answer.hpp"
#include "toolstackd/sys/hypervisor.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <map>
#include <memory>
#include <span>
#include <string>

namespace zocalo::toolstack {

class ForeignNames {
  public:
    explicit ForeignNames(Store& store) : store_{store} {}

    // Empty when xenstore has no name for it. The domain is told apart by domid and handle: its
    // domid may have had another owner before.
    Answer<std::string> of(const LiveDomain& domain);
    // Drops the watches of domains that are not among `live`, Xen's whole list.
    void keep(std::span<const LiveDomain> live);

  private:
    struct Entry {
        rpc::Uuid handle;
        std::string name;
        bool fresh{}; // nothing has changed since `name` was asked for
        Store::Watch watch;
    };

    std::shared_ptr<Entry> entry(const LiveDomain& domain);

    Store& store_;
    std::map<std::uint16_t, std::shared_ptr<Entry>> entries_; // by domid
};

} // namespace zocalo::toolstack
