// SPDX-License-Identifier: Apache-2.0
// A xenstore that is a map: for tests of what follows a frontend's nodes.
#pragma once

#include "toolstackd/xenstore/store.hpp"

#include <list>
#include <map>

namespace zocalo::toolstack {

class MemoryStore final : public Store {
  public:
    std::map<std::string, std::string> nodes;

    // What a guest or another tool does; watches fire.
    void set(const std::string& path, const std::string& value)
    {
        nodes[path] = value;
        fire(path);
    }

    bool up() const override { return true; }
    Answer<Unit> commit(std::vector<StoreChange> changes, std::vector<StoreGuard> guards) override
    {
        for (const StoreGuard& guard : guards) {
            const auto found = nodes.find(guard.path);
            if (found == nodes.end() || (guard.value && found->second != *guard.value))
                co_return Error{Code::conflict, guard.path, {}};
        }
        for (const StoreChange& change : changes) {
            if (change.kind == StoreChange::Kind::remove)
                std::erase_if(nodes, [&](const auto& n) {
                    return n.first.starts_with(change.path);
                });
            else
                nodes[change.path] = change.value;
            fire(change.path);
        }
        co_return Unit{};
    }
    Answer<std::optional<std::string>> read(std::string path) override
    {
        const auto found = nodes.find(path);
        if (found == nodes.end())
            co_return std::optional<std::string>{};
        co_return std::optional<std::string>{found->second};
    }
    Answer<std::vector<std::string>> list(std::string) override
    {
        co_return std::vector<std::string>{};
    }
    Answer<Unit> introduce(DomId, std::uint64_t, EventPort) override { co_return Unit{}; }
    Answer<Unit> release(DomId) override { co_return Unit{}; }
    Answer<bool> is_introduced(DomId) override { co_return true; }
    Watch watch(std::string path, std::function<void(const std::string&)> changed) override
    {
        auto watch = std::make_shared<Watcher>(Watcher{std::move(path), std::move(changed)});
        watchers_.push_back(watch);
        watch->changed(watch->path);
        return watch;
    }
    std::uint64_t request_count() const override { return 0; }

  private:
    struct Watcher {
        std::string path;
        std::function<void(const std::string&)> changed;
    };
    void fire(const std::string& path)
    {
        std::erase_if(watchers_, [](const auto& weak) { return weak.expired(); });
        for (const auto& weak : std::list<std::weak_ptr<Watcher>>{watchers_})
            if (const auto watcher = weak.lock(); watcher && path.starts_with(watcher->path))
                watcher->changed(path);
    }

    std::list<std::weak_ptr<Watcher>> watchers_;
};

} // namespace zocalo::toolstack
