// SPDX-License-Identifier: Apache-2.0
// net_driver: plays toolstackd for one network card, so that zocalo-netback is tested on a
// hypervisor without the daemon. It makes the tap a port of a bridge, starts the backend as the
// daemon does (open files, nothing else), writes the vif's nodes, and runs BackendFsm between
// xenstore and BackendClient. Orders come on stdin, one word a line: stats, detach, force. Every
// action is one line on stdout; it ends when the device is removed.
#include "common/backend-ctl/client.hpp"
#include "common/backend-ctl/frontend_keys.hpp"
#include "common/xen-proto/backend_fsm.hpp"
#include "tests/lab/blk_driver/store.hpp"
#include "toolstackd/sys/bridge.hpp"
#include "toolstackd/sys/tap.hpp"

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
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace zocalo::lab {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using xen::BackendAction;
using xen::BackendActionKind;
using xen::BackendEvent;
using xen::BackendEventKind;

constexpr auto kTimeout = 20000ms;

struct Arguments {
    unsigned domain = 0;
    unsigned device = 0;
    unsigned uid = 0;
    unsigned queues = 1;
    std::string bridge = "xenbr0";
    std::string mac = "00:16:3e:00:00:01";
    std::string backend = "zocalo-netback";
};

template <class T> T must(Outcome<T>&& outcome)
{
    if (!outcome)
        throw std::runtime_error{describe(outcome.error())};
    return std::move(outcome).value();
}

UniqueFd open_device(const char* path)
{
    UniqueFd fd{::open(path, O_RDWR | O_CLOEXEC)};
    if (!fd)
        throw std::runtime_error{describe(system_error(path, errno))};
    return fd;
}

void say(const std::string& line)
{
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

// The backend as the daemon starts it: socket, event channels and grants at 3, 4 and 5.
pid_t start_backend(const Arguments& arguments, const std::string& socket_path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd listening{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
    ::unlink(socket_path.c_str());
    if (::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening.get(), 4) != 0)
        throw std::runtime_error{"cannot listen at " + socket_path};
    const UniqueFd events = open_device("/dev/xen/evtchn");
    const UniqueFd grants = open_device("/dev/xen/gntdev");
    const pid_t child = ::fork();
    if (child != 0)
        return child;
    // Out of the way first: the numbers wanted may be taken.
    const int from[] = {
        ::fcntl(listening.get(), F_DUPFD, 20),
        ::fcntl(events.get(), F_DUPFD, 20),
        ::fcntl(grants.get(), F_DUPFD, 20)};
    for (int i = 0; i < 3; ++i)
        ::dup2(from[i], 3 + i);
    const std::string domain = "--domain=" + std::to_string(arguments.domain);
    const std::string uid = "--uid=" + std::to_string(arguments.uid);
    const std::string gid = "--gid=" + std::to_string(arguments.uid);
    const char* program = arguments.backend.c_str();
    ::execl(program, "zocalo-netback", domain.c_str(), uid.c_str(), gid.c_str(), nullptr);
    std::perror(program);
    ::_exit(127);
}

class Driver {
  public:
    Driver(asio::io_context& io, Arguments arguments)
        : io_{io}, arguments_{std::move(arguments)}, watch_{io, store_.fd()}, input_{io, ::dup(0)},
          socket_path_{"/run/net_driver-" + std::to_string(::getpid()) + ".sock"}
    {
        const std::string domain = std::to_string(arguments_.domain);
        const std::string device = std::to_string(arguments_.device);
        back_ = "/local/domain/0/backend/znet/" + domain + "/" + device;
        front_ = "/local/domain/" + domain + "/device/vif/" + device;
    }
    ~Driver()
    {
        watch_.release();
        ::unlink(socket_path_.c_str());
    }

    asio::awaitable<void> run()
    {
        child_ = start_backend(arguments_, socket_path_);
        say("backend pid " + std::to_string(child_));
        write_nodes();
        store_.watch(front_ + "/state");
        wait_store();
        wait_input();
        co_await prepare();
        while (fsm_.phase() != xen::BackendFsm::Phase::removed) {
            if (!events_.empty()) {
                const BackendEvent event = events_.front();
                events_.pop_front();
                for (const BackendAction& action : fsm_.on(event))
                    co_await act(action);
            } else if (!orders_.empty()) {
                const std::string word = orders_.front();
                orders_.pop_front();
                co_await order(word);
            } else {
                wake_.expires_at(asio::steady_timer::time_point::max());
                boost::system::error_code ignored;
                co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
            }
        }
        auto ended = co_await client_->shutdown(kTimeout);
        int status = 0;
        ::waitpid(child_, &status, 0);
        say("backend exit " + std::to_string(WEXITSTATUS(status)) + (ended ? "" : " unasked"));
        io_.stop();
    }

  private:
    asio::awaitable<void> prepare()
    {
        backend::BackendClient::Handlers handlers;
        handlers.on_event = [this](const backend::Event& event) {
            if (const auto* stopped = std::get_if<backend::DeviceStopped>(&event)) {
                say("event stopped " + stopped->reason);
                feed({BackendEventKind::failed});
            }
        };
        handlers.on_closed = [this](const Error& error) {
            say("event lost " + error.what);
            feed({BackendEventKind::backend_lost});
        };
        client_ = must(
            backend::BackendClient::connect(io_.get_executor(), socket_path_, std::move(handlers))
        );
        auto hello = co_await client_->hello(kTimeout);
        say("hello from domain " + std::to_string(must(std::move(hello)).domain.value));

        toolstack::Netlink netlink = must(toolstack::Netlink::open());
        toolstack::Tap tap = must(toolstack::create_tap(
            toolstack::tap_name(arguments_.domain, arguments_.device), arguments_.queues
        ));
        const toolstack::BridgePort port{.link = tap.name, .bridge = arguments_.bridge};
        backend::AddNic nic;
        nic.device = arguments_.device;
        nic.mtu = must(toolstack::attach_port(netlink, port));
        nic.queues = arguments_.queues;
        nic.label = tap.name;
        auto ready = co_await client_->add_nic(std::move(nic), std::move(tap.queues), kTimeout);
        ready_ = must(std::move(ready));
        feed({BackendEventKind::prepared});
    }

    void write_nodes()
    {
        const std::string domain = std::to_string(arguments_.domain);
        const std::string device = std::to_string(arguments_.device);
        store_.directory(back_, 0, arguments_.domain);
        store_.write(back_ + "/frontend", front_);
        store_.write(back_ + "/frontend-id", domain);
        store_.write(back_ + "/online", "1");
        store_.write(back_ + "/handle", device);
        store_.write(back_ + "/mac", arguments_.mac);
        store_.write(back_ + "/state", "1");
        store_.directory(front_, arguments_.domain, 0);
        store_.write(front_ + "/backend", back_);
        store_.write(front_ + "/backend-id", "0");
        store_.write(front_ + "/handle", device);
        store_.write(front_ + "/mac", arguments_.mac);
        store_.write(front_ + "/state", "1");
    }

    void feed(const BackendEvent& event)
    {
        events_.push_back(event);
        wake_.cancel();
    }

    void wait_store()
    {
        watch_.async_wait(asio::posix::stream_descriptor::wait_read, [this](auto error) {
            if (error)
                return;
            if (!store_.changed().empty()) {
                const std::string text = store_.read(front_ + "/state").value_or("0");
                say("frontend " + text);
                const auto state = static_cast<xenbus_state>(std::atoi(text.c_str()));
                feed({BackendEventKind::frontend_state, state});
            }
            wait_store();
        });
    }

    void wait_input()
    {
        asio::async_read_until(
            input_,
            asio::dynamic_buffer(typed_),
            '\n',
            [this](auto error, auto n) {
                if (error)
                    return;
                orders_.push_back(typed_.substr(0, n - 1));
                typed_.erase(0, n);
                wake_.cancel();
                wait_input();
            }
        );
    }

    asio::awaitable<void> order(std::string word)
    {
        if (word == "stats") {
            auto stats = co_await client_->stats(arguments_.device, kTimeout);
            for (const backend::Counter& c : must(std::move(stats)).counters)
                say("stat " + c.name + " " + std::to_string(c.value));
        } else if (word == "detach" || word == "force") {
            store_.write(back_ + "/online", "0");
            feed({word == "force" ? BackendEventKind::force_detach : BackendEventKind::detach});
        }
        say("done " + word);
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
        auto keys = backend::read_net_frontend(
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
            std::to_string(keys->queues[0].ports.size()) + " event channel(s), features " +
            std::to_string(keys->features));
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
    Store store_;
    asio::posix::stream_descriptor watch_;
    asio::posix::stream_descriptor input_;
    asio::steady_timer wake_{io_};
    std::string socket_path_, back_, front_, typed_;
    std::unique_ptr<backend::BackendClient> client_;
    backend::Ready ready_;
    xen::BackendFsm fsm_;
    std::deque<BackendEvent> events_;
    std::deque<std::string> orders_;
    pid_t child_ = -1;
};

Arguments parse(int argc, char** argv)
{
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const std::string name = word.substr(0, word.find('='));
        const std::string value = word.substr(word.find('=') + 1);
        const auto number = [&value] { return static_cast<unsigned>(std::stoul(value)); };
        if (name == "--domain")
            arguments.domain = number();
        else if (name == "--device")
            arguments.device = number();
        else if (name == "--uid")
            arguments.uid = number();
        else if (name == "--queues")
            arguments.queues = number();
        else if (name == "--bridge")
            arguments.bridge = value;
        else if (name == "--mac")
            arguments.mac = value;
        else if (name == "--backend")
            arguments.backend = value;
        else
            throw std::runtime_error{"unknown argument " + word};
    }
    return arguments;
}

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
        std::fprintf(stderr, "net_driver: %s\n", error.what());
        return 1;
    }
}
