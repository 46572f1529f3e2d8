// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/watch_table.hpp"

#include <utility>

namespace zocalo::toolstack {

WatchTable::Token WatchTable::add(std::string path, Changed changed)
{
    const Token token = next_++;
    entries_.emplace(
        token, Entry{std::move(path), std::make_shared<Changed>(std::move(changed)), {}}
    );
    return token;
}

std::optional<std::string> WatchTable::remove(Token token)
{
    const auto found = entries_.find(token);
    if (found == entries_.end())
        return std::nullopt;
    std::string path = std::move(found->second.path);
    entries_.erase(found);
    return path;
}

std::vector<WatchTable::Armed> WatchTable::all() const
{
    std::vector<Armed> armed;
    for (const auto& [token, entry] : entries_)
        armed.push_back({token, entry.path});
    return armed;
}

std::optional<std::string> WatchTable::note(Token token, std::string_view path)
{
    const auto found = entries_.find(token);
    if (found == entries_.end())
        return std::nullopt;
    Entry& entry = found->second;
    if (entry.queued.contains(path))
        return std::nullopt;
    std::string queued{entry.queued.size() < kMostQueued ? path : std::string_view{entry.path}};
    if (!entry.queued.insert(queued).second)
        return std::nullopt;
    return queued;
}

void WatchTable::run(Token token, const std::string& path)
{
    const auto found = entries_.find(token);
    if (found == entries_.end() || found->second.queued.erase(path) == 0)
        return;
    // Kept alive: the call may end the watch.
    const std::shared_ptr<Changed> changed = found->second.changed;
    (*changed)(path);
}

} // namespace zocalo::toolstack
