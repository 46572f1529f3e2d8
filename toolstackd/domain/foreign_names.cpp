// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/domain/foreign_names.hpp"

#include "toolstackd/domain/tree.hpp"

#include <algorithm>
#include <vector>

namespace zocalo::toolstack {
namespace {

std::string name_path(DomId domid)
{
    return domain_path(domid) + "/name";
}

} // namespace

std::shared_ptr<ForeignNames::Entry> ForeignNames::entry(const LiveDomain& domain)
{
    std::shared_ptr<Entry>& found = entries_[domain.domid.value];
    if (found && found->handle == domain.handle)
        return found;
    found = std::make_shared<Entry>();
    found->handle = domain.handle;
    // Also called when xenstored has come back: whatever happened meanwhile, the name is asked
    // anew.
    found->watch =
        store_.watch(name_path(domain.domid), [weak = std::weak_ptr(found)](const std::string&) {
            if (const auto known = weak.lock())
                known->fresh = false;
        });
    return found;
}

Answer<std::string> ForeignNames::of(const LiveDomain& domain)
{
    const auto known = entry(domain);
    if (known->fresh && store_.up())
        co_return known->name;
    known->fresh = true; // before asking: a change on the way makes it old again
    auto name = co_await store_.read(name_path(domain.domid));
    if (!name) {
        known->fresh = false;
        co_return name.error();
    }
    known->name = name->value_or("");
    co_return known->name;
}

void ForeignNames::keep(std::span<const LiveDomain> live)
{
    std::vector<std::uint16_t> domids;
    domids.reserve(live.size());
    for (const LiveDomain& domain : live)
        domids.push_back(domain.domid.value);
    std::ranges::sort(domids);
    std::erase_if(entries_, [&domids](const auto& item) {
        return !std::ranges::binary_search(domids, item.first);
    });
}

} // namespace zocalo::toolstack
