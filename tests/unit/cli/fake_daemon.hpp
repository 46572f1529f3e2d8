// SPDX-License-Identifier: Apache-2.0
// A daemon of canned answers on a Unix socket, for the tests of zl: it can also be slow, cut its
// answer off or speak nonsense. Knows HTTP only as far as to see where a request ends.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace zocalo::cli {

class FakeDaemon {
  public:
    // Gets the request (head and body), gives the bytes to send before the connection is closed.
    using Answer = std::function<std::string(const std::string& request)>;

    explicit FakeDaemon(Answer answer);
    ~FakeDaemon();
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;

    const std::string& socket_path() const { return path_; }
    std::vector<std::string> requests() const;

    // An answer that never comes: the connection stays open until the daemon goes.
    static constexpr const char* kSilence = "(silence)";

  private:
    void serve();
    void answer_one(int connection);

    Answer answer_;
    std::string path_;
    int listener_{-1};
    int stop_[2]{-1, -1};
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::thread thread_;
};

// A whole HTTP answer.
std::string http_answer(unsigned status, const std::string& body);

} // namespace zocalo::cli
