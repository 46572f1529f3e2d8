// SPDX-License-Identifier: Apache-2.0
// Store: the few xenstore calls that blk_driver needs, over libxenstore. Blocking; for tests only,
// the daemon has a client of its own.
#pragma once

#include <optional>
#include <string>
#include <vector>

struct xs_handle;

namespace zocalo::lab {

class Store {
  public:
    Store();
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    std::optional<std::string> read(const std::string& path);
    void write(const std::string& path, const std::string& value);
    void remove(const std::string& path);
    // Makes a directory that `owner` owns and `reader` may read.
    void directory(const std::string& path, unsigned owner, unsigned reader);
    void watch(const std::string& path);
    // Readable when changed() has something.
    int fd();
    // Paths that changed since the last call.
    std::vector<std::string> changed();

  private:
    xs_handle* handle_;
};

} // namespace zocalo::lab
