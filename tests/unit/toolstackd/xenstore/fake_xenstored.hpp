// SPDX-License-Identifier: Apache-2.0
// FakeXenstored: a small xenstored for unit tests: a tree, transactions that conflict as the real
// one's do, watches with their first event, introduced domains. It serves any number of connections
// over socketpairs on the test's own io_context, and can be told to misbehave.
#pragma once

#include "common/posix/unique_fd.hpp"
#include "toolstackd/xenstore/connection.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace zocalo::toolstack {

class FakeXenstored {
  public:
    explicit FakeXenstored(boost::asio::any_io_executor executor);
    ~FakeXenstored();

    // What XenStoreOptions::connect takes; refuses while `accepting` is false.
    std::function<Outcome<XsEndpoint>()> connector();

    // Writes as somebody else: fires watches and makes open transactions conflict.
    void write(const std::string& path, const std::string& value);
    void remove(const std::string& path);
    std::optional<std::string> value(const std::string& path) const;
    std::optional<std::string> permissions(const std::string& path) const;
    std::size_t nodes() const;
    // Ends all connections; watches and open transactions are forgotten, the tree stays.
    void drop_connections();
    // Sends these bytes on all connections.
    void send_garbage(const std::string& bytes);

    bool accepting = true;
    bool silent = false;    // takes requests, never answers
    bool as_device = false; // is behind /dev/xen/xenbus: one request at a time, watches have no id
    unsigned at_once = 0;   // most requests that came before the first of them was answered
    unsigned conflicts = 0; // so many next commits answer EAGAIN
    unsigned requests = 0;  // seen so far
    unsigned transactions = 0; // started so far
    unsigned open_transactions() const;
    std::set<std::string> introduced; // domids

    struct State;

  private:
    std::shared_ptr<State> state_;
};

} // namespace zocalo::toolstack
