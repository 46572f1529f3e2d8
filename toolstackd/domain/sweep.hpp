// SPDX-License-Identifier: Apache-2.0
// Sweep: turns what happens in the world into dirty marks: one list of all domains after a watch
// fired or some time passed, compared with what each record saw last; and lets queued domains start
// in turn. It decides nothing about a domain.
#pragma once

#include "toolstackd/domain/actor.hpp"

namespace zocalo::toolstack {

class Sweep {
  public:
    Sweep(Context& ctx, Actors& actors);
    void start();
    void stop();

  private:
    boost::asio::awaitable<void> watch_domains();
    boost::asio::awaitable<void> give_turns();
    Answer<Unit> compare();

    Context& ctx_;
    Actors& actors_;
    Signal awake_;
    bool fired_{};
    std::vector<Store::Watch> watches_;
};

} // namespace zocalo::toolstack
