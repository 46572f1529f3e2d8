// SPDX-License-Identifier: Apache-2.0
// BackendProcess: starts zocalo-blkback as toolstackd does, with a listening socket and the two Xen
// devices as open files. Also what blk_driver was asked for on its command line.
#pragma once

#include <string>
#include <sys/types.h>

namespace zocalo::lab {

struct Arguments {
    unsigned domain = 0;
    unsigned device = 51712;
    std::string image;
    std::string backend = "zocalo-blkback";
    bool read_only = false;
    unsigned uid = 0;
};

// Throws std::runtime_error at what it does not know.
Arguments parse(int argc, char** argv);

// Throws when it cannot be opened; close-on-exec.
int open_or_die(const std::string& path, int flags);

class BackendProcess {
  public:
    explicit BackendProcess(const Arguments& arguments);
    ~BackendProcess();
    BackendProcess(const BackendProcess&) = delete;
    BackendProcess& operator=(const BackendProcess&) = delete;

    void start();
    void kill();
    // Its exit status.
    int wait();
    const std::string& socket_path() const { return socket_path_; }

  private:
    [[noreturn]] void exec(int listening, int events, int grants);

    const Arguments& arguments_;
    std::string socket_path_;
    pid_t child_ = -1;
};

} // namespace zocalo::lab
