// SPDX-License-Identifier: Apache-2.0
// Actors: one coroutine a domain, which looks, decides (`next_step`) and does one step, until there
// is nothing to do; then it sleeps until somebody marks its domain dirty. The only writer of its
// record, so a domain needs no locks.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

class Actors {
  public:
    explicit Actors(Context& ctx) : ctx_{ctx} {}

    // Starts the actor of a record that is in the book; a second call only wakes it.
    void start(const rpc::Uuid& uuid);
    // The actor looks again soon.
    void mark(const rpc::Uuid& uuid);
    void mark_all();
    // How many are in the middle of a step.
    std::size_t busy() const { return busy_; }

  private:
    struct Desk {
        explicit Desk(const boost::asio::any_io_executor& executor) : awake{executor} {}
        Signal awake;
        bool dirty{true};
        std::int64_t retry_ms{};
    };
    boost::asio::awaitable<void> run(rpc::Uuid uuid, std::shared_ptr<Desk> desk);
    Answer<std::int64_t> turn(Record& record, Desk& desk);
    boost::asio::awaitable<void> doze(Desk& desk, std::int64_t wake_ms);

    Context& ctx_;
    std::map<rpc::Uuid, std::shared_ptr<Desk>> desks_;
    std::size_t busy_{};
};

} // namespace zocalo::toolstack
