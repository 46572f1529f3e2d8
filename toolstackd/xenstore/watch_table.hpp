// SPDX-License-Identifier: Apache-2.0
// WatchTable: who watches what, and which calls are still to be made. A path is queued at most once
// per watch, and a watch has at most kMostQueued of them: beyond, the watch's own path stands for
// all (whoever gets it looks at everything again). So a guest that writes in a loop costs a bounded
// amount of memory (XSA-349). Pure: it neither sends nor schedules.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

class WatchTable {
  public:
    using Changed = std::function<void(const std::string&)>;
    using Token = std::uint64_t;
    static constexpr std::size_t kMostQueued = 256;

    struct Armed {
        Token token;
        std::string path;
    };

    Token add(std::string path, Changed changed);
    // The path to unwatch, nullopt when it was gone. Queued calls of it will not be made.
    std::optional<std::string> remove(Token token);
    // Everything to arm on a new connection.
    std::vector<Armed> all() const;

    // An event arrived: the path to queue a call for, nullopt when one is queued or nobody watches.
    std::optional<std::string> note(Token token, std::string_view path);
    // Makes the queued call.
    void run(Token token, const std::string& path);

  private:
    struct Entry {
        std::string path;
        std::shared_ptr<Changed> changed;
        std::set<std::string, std::less<>> queued;
    };
    std::map<Token, Entry> entries_;
    Token next_ = 1;
};

} // namespace zocalo::toolstack
