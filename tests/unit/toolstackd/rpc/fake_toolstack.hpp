// SPDX-License-Identifier: Apache-2.0
// A Toolstack and Consoles that record what they are asked and answer fixed things.
#pragma once

#include "toolstackd/console/consoles.hpp"
#include "toolstackd/domain/toolstack.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <stdexcept>

namespace zocalo::toolstack::test {

inline rpc::Uuid the_uuid()
{
    return rpc::parse_uuid("01234567-89ab-cdef-0123-456789abcdef").value();
}

class FakeToolstack : public Toolstack {
  public:
    std::vector<Request> requests;
    std::vector<rpc::EventView> log;
    std::uint64_t oldest{0};
    bool finish_on_wait{true};
    bool throws{};

    Answer<std::vector<rpc::DomainView>> domains() override
    {
        if (throws)
            throw std::runtime_error("broken fake");
        rpc::DomainView view;
        view.name = "web";
        view.uuid = rpc::text(the_uuid());
        view.domid = 7;
        view.state = rpc::DomainState::running;
        co_return std::vector<rpc::DomainView>{view};
    }
    Answer<rpc::DomainDetail> domain(std::string ref) override
    {
        if (ref != "web")
            co_return Error{Code::not_found, "there is no domain '" + ref + "'", "try `zl list`"};
        rpc::DomainDetail detail;
        detail.domain.name = ref;
        co_return detail;
    }
    Answer<std::vector<rpc::DeviceStats>> device_stats(std::string ref) override
    {
        if (ref != "web" && ref != rpc::text(the_uuid()))
            co_return Error{Code::not_found, "there is no domain '" + ref + "'", "try `zl list`"};
        rpc::DeviceStats disk{"disk", "xvda", 51712, {}};
        disk.counters["read_bytes"] = 4096;
        disk.counters["in_flight"] = 3;
        disk.counters["medium_us_sum"] = 30;
        disk.counters["medium_us_lt_8"] = 4;
        disk.counters["medium_us_lt_16"] = 1;
        co_return std::vector<rpc::DeviceStats>{disk};
    }
    Answer<rpc::Uuid> resolve(std::string ref) override
    {
        if (ref != "web")
            co_return Error{Code::not_found, "there is no domain '" + ref + "'", "try `zl list`"};
        co_return the_uuid();
    }
    Answer<rpc::OpView> submit(Request request) override
    {
        requests.push_back(request);
        rpc::OpView op = the_op(41 + requests.size());
        op.verb = request.verb;
        op.idempotency_key = request.idempotency_key;
        op.by_uid = request.uid;
        co_return op;
    }
    Answer<rpc::OpView> op(std::uint64_t id) override { co_return the_op(id); }
    Answer<rpc::OpView> wait_op(std::uint64_t id, std::chrono::milliseconds) override
    {
        rpc::OpView op = the_op(id);
        if (finish_on_wait)
            op.state = rpc::OpState::done;
        else
            co_await sleep(std::chrono::milliseconds{5});
        co_return op;
    }
    Answer<std::vector<rpc::OpView>> ops(bool) override
    {
        rpc::OpView op = the_op(42);
        op.verb = "create";
        op.state = rpc::OpState::done;
        op.created_ms = 1000;
        op.finished_ms = 1250;
        co_return std::vector<rpc::OpView>{op};
    }
    Answer<rpc::OpView> cancel(std::uint64_t id) override { co_return the_op(id); }
    Answer<CheckResult> check(rpc::DomainConfig config) override
    {
        co_return CheckResult{config, {"reserve", "build"}};
    }
    Answer<EventPage>
    events(std::uint64_t since, std::size_t max, std::chrono::milliseconds limit) override
    {
        EventPage page;
        page.next = since;
        if (since < oldest) {
            page.resync = true;
            page.next = oldest;
        }
        for (const auto& event : log)
            if (event.seq > page.next && page.events.size() < max)
                page.events.push_back(event);
        if (!page.events.empty())
            page.next = page.events.back().seq;
        else if (limit.count() > 0 && !page.resync)
            co_await sleep(std::chrono::milliseconds{5});
        co_return page;
    }
    Answer<rpc::HostView> host() override { co_return rpc::HostView{}; }
    Answer<std::string> dmesg(bool clear) override
    {
        co_return std::string(clear ? "cleared" : "(XEN) hello");
    }
    Answer<std::vector<rpc::FindingView>> doctor() override
    {
        co_return std::vector<rpc::FindingView>{};
    }

  private:
    static rpc::OpView the_op(std::uint64_t id)
    {
        rpc::OpView op;
        op.id = id;
        return op;
    }
    static boost::asio::awaitable<void> sleep(std::chrono::milliseconds time)
    {
        boost::asio::steady_timer timer{co_await boost::asio::this_coro::executor, time};
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
};

// A console that says "hello", echoes its input and ends at "exit".
class EchoReader : public ConsoleReader {
  public:
    explicit EchoReader(boost::asio::any_io_executor executor) : wake_{executor} {}

    Answer<std::string> read() override
    {
        while (pending_.empty() && !ended_) {
            boost::system::error_code woken;
            wake_.expires_at(boost::asio::steady_timer::time_point::max());
            co_await wake_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken)
            );
        }
        co_return std::exchange(pending_, {});
    }
    Answer<Unit> write(std::string input) override
    {
        if (input == "exit")
            ended_ = true;
        else
            pending_ += input;
        wake_.cancel();
        co_return Unit{};
    }
    void cancel() override
    {
        ended_ = true;
        wake_.cancel();
    }
    std::string end_reason() const override { return "the domain ended"; }

  private:
    boost::asio::steady_timer wake_;
    std::string pending_{"hello"};
    bool ended_{};
};

class FakeConsoles : public Consoles {
  public:
    explicit FakeConsoles(boost::asio::any_io_executor executor) : executor_{executor} {}
    bool writer_taken{};

    Answer<Unit> open(const rpc::Uuid&, std::string, DomId, std::uint64_t, EventPort) override
    {
        co_return Unit{};
    }
    Answer<Unit> follow_channels(const rpc::Uuid&, DomId, std::vector<rpc::ChannelConfig>) override
    {
        co_return Unit{};
    }
    Answer<std::vector<rpc::ChannelView>> channels(rpc::Uuid) override
    {
        co_return std::vector<rpc::ChannelView>{};
    }
    void close(const rpc::Uuid&, const std::string&) override {}
    void forget(const rpc::Uuid&) override {}
    Answer<std::string> history(rpc::Uuid, std::size_t bytes) override
    {
        co_return std::string("boot log").substr(8 - std::min<std::size_t>(8, bytes));
    }
    Answer<std::unique_ptr<ConsoleReader>> attach(rpc::Uuid, ConsoleAttach how) override
    {
        if (how.write && writer_taken && !how.steal)
            co_return Error{Code::conflict, "somebody else writes to this console", "steal=1"};
        co_return std::unique_ptr<ConsoleReader>{std::make_unique<EchoReader>(executor_)};
    }

  private:
    boost::asio::any_io_executor executor_;
};

} // namespace zocalo::toolstack::test
