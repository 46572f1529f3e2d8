// SPDX-License-Identifier: Apache-2.0
// blk_driver: plays toolstackd for one disk, so that zocalo-blkback is tested on a hypervisor
// without the daemon. It starts the backend as the daemon does (open files, nothing else), writes
// the vbd's nodes, and runs BackendFsm between xenstore and BackendClient. Orders come on stdin,
// one word a line: detach, force, stats, kill (the backend), restart (this driver forgets
// everything and adopts what it finds). Every action is one line on stdout; it ends when the device
// is removed.
#include "common/backend-ctl/client.hpp"
#include "common/backend-ctl/frontend_keys.hpp"
#include "common/xen-proto/backend_fsm.hpp"
#include "tests/lab/blk_driver/backend_process.hpp"
#include "tests/lab/blk_driver/store.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fcntl.h>
#include <stdexcept>

namespace zocalo::lab {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using xen::BackendAction;
using xen::BackendActionKind;
using xen::BackendEvent;
using xen::BackendEventKind;

constexpr auto kTimeout = 20000ms;

template <class T> T must(Outcome<T>&& outcome)
{
    if (!outcome)
        throw std::runtime_error{describe(outcome.error())};
    return std::move(outcome).value();
}

void say(const std::string& line)
{
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

class Driver {
  public:
    Driver(asio::io_context& io, Arguments arguments)
        : io_{io}, arguments_{std::move(arguments)}, backend_{arguments_}, watch_{io, store_.fd()},
          input_{io, ::dup(0)}
    {
        const std::string tail =
            std::to_string(arguments_.domain) + "/" + std::to_string(arguments_.device);
        back_ = "/local/domain/0/backend/zblk/" + tail;
        front_ = "/local/domain/" + std::to_string(arguments_.domain) + "/device/vbd/" +
                 std::to_string(arguments_.device);
    }
    ~Driver() { watch_.release(); }

    asio::awaitable<void> run()
    {
        backend_.start();
        write_nodes();
        store_.watch(front_ + "/state");
        wait_store();
        wait_input();
        connect_client();
        co_await prepare();
        while (fsm_.phase() != xen::BackendFsm::Phase::removed) {
            while (!events_.empty()) {
                const BackendEvent event = events_.front();
                events_.pop_front();
                co_await carry_out(fsm_.on(event));
            }
            if (fsm_.phase() == xen::BackendFsm::Phase::removed)
                break;
            co_await order();
            if (events_.empty()) {
                wake_.expires_at(asio::steady_timer::time_point::max());
                boost::system::error_code ignored;
                co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            }
        }
        auto ended = co_await client_->shutdown(kTimeout);
        say("backend exit " + std::to_string(backend_.wait()) + (ended ? "" : " unasked"));
        io_.stop();
    }

  private:
    void connect_client()
    {
        client_ = must(backend::BackendClient::connect(
            io_.get_executor(),
            backend_.socket_path(),
            {[this](const backend::Event& event) {
                 if (std::holds_alternative<backend::DeviceStopped>(event)) {
                     say("event stopped " + std::get<backend::DeviceStopped>(event).reason);
                     feed({BackendEventKind::failed});
                 }
             },
             [this](const Error& error) {
                 say("event lost " + error.what);
                 feed({BackendEventKind::backend_lost});
             }}
        ));
    }

    asio::awaitable<void> prepare()
    {
        auto hello = co_await client_->hello(kTimeout);
        say("hello from domain " + std::to_string(must(std::move(hello)).domain.value));
        backend::AddDisk disk;
        disk.device = arguments_.device;
        disk.read_only = arguments_.read_only;
        disk.label = "driver " + std::to_string(arguments_.device);
        const int access = arguments_.read_only ? O_RDONLY : O_RDWR;
        UniqueFd image{open_or_die(arguments_.image, access | O_DIRECT)};
        auto ready = co_await client_->add_disk(std::move(disk), std::move(image), kTimeout);
        ready_ = must(std::move(ready));
        feed({BackendEventKind::prepared});
    }

    void write_nodes()
    {
        store_.directory(back_, 0, arguments_.domain);
        store_.write(back_ + "/frontend", front_);
        store_.write(back_ + "/frontend-id", std::to_string(arguments_.domain));
        store_.write(back_ + "/online", "1");
        store_.write(back_ + "/mode", arguments_.read_only ? "r" : "w");
        store_.write(back_ + "/state", "1");
        store_.directory(front_, arguments_.domain, 0);
        store_.write(front_ + "/backend", back_);
        store_.write(front_ + "/backend-id", "0");
        store_.write(front_ + "/virtual-device", std::to_string(arguments_.device));
        store_.write(front_ + "/device-type", "disk");
        store_.write(front_ + "/state", "1");
    }

    void feed(const BackendEvent& event)
    {
        events_.push_back(event);
        wake_.cancel();
    }

    void wait_store()
    {
        watch_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto ec) {
            if (ec)
                return;
            if (!store_.changed().empty()) {
                const std::string text = store_.read(front_ + "/state").value_or("0");
                say("frontend " + text);
                feed(
                    {BackendEventKind::frontend_state,
                     static_cast<xenbus_state>(std::atoi(text.c_str()))}
                );
            }
            wait_store();
        });
    }

    void wait_input()
    {
        asio::async_read_until(input_, asio::dynamic_buffer(typed_), '\n', [this](auto ec, auto n) {
            if (ec)
                return;
            orders_.push_back(typed_.substr(0, n - 1));
            typed_.erase(0, n);
            wake_.cancel();
            wait_input();
        });
    }

    asio::awaitable<void> order()
    {
        while (!orders_.empty()) {
            const std::string word = orders_.front();
            orders_.pop_front();
            if (word == "detach" || word == "force") {
                store_.write(back_ + "/online", "0");
                feed({word == "force" ? BackendEventKind::force_detach : BackendEventKind::detach});
            } else if (word == "stats") {
                auto stats = co_await client_->stats(arguments_.device, kTimeout);
                for (const backend::Counter& c : must(std::move(stats)).counters)
                    say("stat " + c.name + " " + std::to_string(c.value));
            } else if (word == "kill") {
                backend_.kill();
                client_.reset();
                feed({BackendEventKind::backend_lost});
                backend_.start();
                connect_client();
                co_await prepare();
            } else if (word == "restart") {
                client_.reset();
                connect_client();
                co_await adopt();
            }
            say("done " + word);
        }
    }

    // What a restarted daemon does.
    asio::awaitable<void> adopt()
    {
        auto hello = co_await client_->hello(kTimeout);
        must(std::move(hello));
        auto list = co_await client_->list(kTimeout);
        xen::BackendFsm::Found found;
        found.own = state_at(back_);
        found.frontend = state_at(front_);
        found.online = store_.read(back_ + "/online") == "1";
        for (const backend::Device& device : must(std::move(list)).devices) {
            found.prepared = found.prepared || device.device == arguments_.device;
            found.attached = device.state != backend::DeviceState::idle;
        }
        xen::BackendActions actions;
        fsm_ = xen::BackendFsm::adopt(found, actions);
        say(std::string{"adopted "} + xen::name(fsm_.phase()));
        co_await carry_out(actions);
    }

    xenbus_state state_at(const std::string& directory)
    {
        return static_cast<xenbus_state>(
            std::atoi(store_.read(directory + "/state").value_or("0").c_str())
        );
    }

    asio::awaitable<void> carry_out(xen::BackendActions actions)
    {
        for (const BackendAction& action : actions)
            co_await act(action);
    }

    asio::awaitable<void> act(BackendAction action)
    {
        switch (action.kind) {
        case BackendActionKind::publish_features:
            publish(ready_.features);
            break;
        case BackendActionKind::publish_connected:
            publish(ready_.connected);
            break;
        case BackendActionKind::set_state:
            say("own state " + std::to_string(action.state));
            store_.write(back_ + "/state", std::to_string(action.state));
            break;
        case BackendActionKind::report_error:
            say("error");
            break;
        case BackendActionKind::connect:
            co_await connect_device();
            break;
        case BackendActionKind::disconnect: {
            auto done = co_await client_->disconnect_device(arguments_.device, kTimeout);
            say(done ? "disconnected" : "disconnect failed: " + describe(done.error()));
            feed({BackendEventKind::disconnected});
            break;
        }
        case BackendActionKind::remove: {
            auto done = co_await client_->remove_device(arguments_.device, kTimeout);
            say(done ? "removed" : "remove failed: " + describe(done.error()));
            store_.remove(front_);
            store_.remove(back_);
            break;
        }
        }
    }

    asio::awaitable<void> connect_device()
    {
        auto keys = backend::read_blk_frontend(
            arguments_.device,
            DomId{static_cast<std::uint16_t>(arguments_.domain)},
            [this](std::string_view key) { return store_.read(front_ + "/" + std::string{key}); }
        );
        if (!keys) {
            say("bad frontend: " + describe(keys.error()));
            feed({BackendEventKind::connect_failed});
            co_return;
        }
        say("connecting: " + std::to_string(keys->queues.size()) + " queue(s), " +
            std::to_string(keys->queues[0].refs.size()) + " page(s)");
        auto done = co_await client_->connect_device(std::move(*keys), kTimeout);
        say(done ? "connected" : "connect failed: " + describe(done.error()));
        feed({done ? BackendEventKind::connected : BackendEventKind::connect_failed});
    }

    void publish(const std::vector<backend::Node>& nodes)
    {
        for (const backend::Node& node : nodes)
            store_.write(back_ + "/" + node.key, node.value);
    }

    asio::io_context& io_;
    Arguments arguments_;
    BackendProcess backend_;
    Store store_;
    asio::posix::stream_descriptor watch_;
    asio::posix::stream_descriptor input_;
    asio::steady_timer wake_{io_};
    std::string back_, front_, typed_;
    std::unique_ptr<backend::BackendClient> client_;
    backend::Ready ready_;
    xen::BackendFsm fsm_;
    std::deque<BackendEvent> events_;
    std::deque<std::string> orders_;
};

} // namespace
} // namespace zocalo::lab

int main(int argc, char** argv)
{
    try {
        boost::asio::io_context io{1};
        zocalo::lab::Driver driver{io, zocalo::lab::parse(argc, argv)};
        boost::asio::co_spawn(io, driver.run(), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
        io.run();
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "blk_driver: %s\n", error.what());
        return 1;
    }
}
