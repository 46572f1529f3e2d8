// SPDX-License-Identifier: Apache-2.0
// Harness: a daemon's domain layer over a FakeWorld, which may be killed at the n-th failpoint and
// is then started again over the same world and database, as often as told. A client that got no
// answer asks again with the same idempotency key, as zl does.
#pragma once

#include "tests/unit/toolstackd/domain/fake_world.hpp"
#include "toolstackd/db/database.hpp"
#include "toolstackd/domain/domain_layer.hpp"

#include <boost/asio/co_spawn.hpp>

#include <deque>

namespace zocalo::toolstack::testing {

rpc::DomainConfig small_config(const std::string& name);
Request request(std::string verb, std::string ref, boost::json::object args = {});
Request create_request(const rpc::DomainConfig& config, bool managed = false);

// co_spawn wants a value that can be made from nothing; an Outcome cannot.
template <class T>
boost::asio::awaitable<void>
deliver(Answer<T> work, std::shared_ptr<std::optional<Outcome<T>>> result)
{
    *result = co_await std::move(work);
}

class Harness {
  public:
    explicit Harness(std::uint64_t seed = 1);
    ~Harness();

    // The daemon dies at these passes of a failpoint; each is counted from the last start.
    void kill_at(std::vector<std::uint64_t> passes);
    // Failpoints passed since the last start.
    std::uint64_t passed() const { return passed_; }
    const std::vector<std::string>& names() const { return names_; }
    bool died() const { return died_; }
    int deaths() const { return deaths_; }

    void start();   // again and again, until a start is not killed
    void restart(); // an orderly stop, then start
    void reboot_host();

    // Pumps until `work` ended or the daemon died (nullopt).
    template <class T> std::optional<Outcome<T>> run(Answer<T> work)
    {
        auto result = std::make_shared<std::optional<Outcome<T>>>();
        auto done = std::make_shared<bool>(false);
        ++clients_;
        auto ended = [this, done](std::exception_ptr) {
            *done = true;
            --clients_;
        };
        boost::asio::co_spawn(io, deliver(std::move(work), result), std::move(ended));
        pump([&] { return *done; });
        return *result;
    }

    // Until answered, over any number of deaths.
    Outcome<rpc::OpView> submit(Request request);
    rpc::OpView finish(const rpc::OpView& op);
    // submit + finish.
    rpc::OpView change(Request request);
    std::vector<rpc::DomainView> domains();
    std::optional<rpc::DomainView> domain(const std::string& name);

    // Lets the world go on for that long.
    void wait(std::int64_t ms);
    // Until no operation is active and no domain is on its way; violates when that takes too long.
    void settle();

    boost::asio::io_context io;
    FakeWorld world;
    std::unique_ptr<Database> db;
    std::unique_ptr<DomainLayer> layer;
    std::string boot_id{"boot-1"};
    std::string read_only;                 // why the next daemon's database cannot be trusted
    std::vector<std::uint64_t> event_seqs; // every one ever seen

  private:
    bool try_start();
    void pump(const std::function<bool()>& done);
    void spin();
    void bury();
    void collect_events();
    bool settled();

    std::unique_ptr<Hypervisor> hv_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<Devices> devices_;
    std::unique_ptr<Consoles> consoles_;
    std::deque<std::uint64_t> kills_;
    std::uint64_t passed_{};
    std::vector<std::string> names_;
    bool died_{};
    int deaths_{}, clients_{};
    std::uint64_t next_key_{1};
};

} // namespace zocalo::toolstack::testing
