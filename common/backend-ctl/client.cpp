// SPDX-License-Identifier: Apache-2.0
#include "common/backend-ctl/client.hpp"

#include "common/backend-ctl/channel.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cerrno>
#include <deque>
#include <map>
#include <sys/socket.h>
#include <sys/un.h>

namespace zocalo::backend {

namespace asio = boost::asio;

namespace {

// A call that waits: its timer is the deadline, and is cancelled when the answer comes.
struct Pending {
    explicit Pending(const asio::any_io_executor& executor) : deadline{executor} {}
    asio::steady_timer deadline;
    std::optional<Outcome<Answer>> answer;
};

struct Outgoing {
    Bytes bytes;
    std::vector<UniqueFd> fds;
};

// More than any honest daemon has under way with one backend.
constexpr std::size_t kMaxOutgoing = 256;

} // namespace

struct BackendClient::State : std::enable_shared_from_this<BackendClient::State> {
    State(asio::any_io_executor executor_, UniqueFd fd, Handlers handlers_)
        : executor{executor_}, socket{executor_, fd.release()}, handlers{std::move(handlers_)}
    {
    }

    asio::any_io_executor executor;
    asio::posix::stream_descriptor socket;
    Handlers handlers;
    std::map<std::uint32_t, std::shared_ptr<Pending>> pending;
    std::deque<Outgoing> outgoing;
    std::uint32_t last_sequence = 0;
    bool closed = false;

    void close(const Error& why)
    {
        if (std::exchange(closed, true))
            return;
        boost::system::error_code ignored;
        socket.close(ignored);
        outgoing.clear();
        for (auto& [sequence, call] : std::exchange(pending, {})) {
            call->answer = Outcome<Answer>{why};
            call->deadline.cancel();
        }
    }

    // The connection ended by itself: as close(), and the owner hears of it.
    void lose(const Error& why)
    {
        if (closed)
            return;
        close(why);
        if (handlers.on_closed)
            handlers.on_closed(why);
    }

    void arm_read()
    {
        socket.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (!ec && !self->closed)
                    self->read_all();
            }
        );
    }

    void read_all()
    {
        // Bounded, so that a chattering backend cannot keep the daemon in this loop.
        for (int i = 0; i < 64 && !closed; ++i) {
            auto datagram = receive_datagram(socket.native_handle());
            if (!datagram)
                return lose(datagram.error());
            if (!*datagram)
                break;
            auto frame = decode_backend((*datagram)->bytes);
            if (!frame)
                return lose(frame.error());
            deliver(std::move(*frame));
        }
        if (!closed)
            arm_read();
    }

    void deliver(BackendFrame frame)
    {
        if (const Event* event = std::get_if<Event>(&frame.body)) {
            if (handlers.on_event)
                handlers.on_event(*event);
            return;
        }
        const auto found = pending.find(frame.sequence);
        if (found == pending.end())
            return; // its caller stopped waiting
        found->second->answer = Outcome<Answer>{std::get<Answer>(std::move(frame.body))};
        found->second->deadline.cancel();
        pending.erase(found);
    }

    void send(Outgoing message)
    {
        if (outgoing.size() >= kMaxOutgoing)
            return lose(Error{Code::unreachable, "a backend reads no more messages", {}});
        outgoing.push_back(std::move(message));
        if (outgoing.size() == 1)
            write_all();
    }

    void write_all()
    {
        while (!outgoing.empty()) {
            std::vector<int> fds;
            for (const UniqueFd& fd : outgoing.front().fds)
                fds.push_back(fd.get());
            auto sent = send_datagram(socket.native_handle(), outgoing.front().bytes, fds);
            if (!sent)
                return lose(sent.error());
            if (*sent == Sent::would_block)
                return arm_write();
            outgoing.pop_front();
        }
    }

    void arm_write()
    {
        socket.async_wait(
            asio::posix::stream_descriptor::wait_write,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (!ec && !self->closed)
                    self->write_all();
            }
        );
    }
};

namespace {

using State = BackendClient::State;

asio::awaitable<Outcome<Answer>> call(
    std::shared_ptr<State> state,
    Request request,
    std::vector<UniqueFd> fds,
    BackendClient::Timeout timeout
)
{
    if (state->closed)
        co_return Error{Code::unreachable, "the connection to the backend is closed", {}};
    RequestFrame frame{++state->last_sequence, std::move(request)};
    if (frame.sequence == 0)
        frame.sequence = ++state->last_sequence;
    auto bytes = encode(frame);
    if (!bytes)
        co_return bytes.error();

    auto pending = std::make_shared<Pending>(state->executor);
    state->pending.emplace(frame.sequence, pending);
    state->send(Outgoing{std::move(*bytes), std::move(fds)});
    if (!pending->answer) {
        pending->deadline.expires_after(timeout);
        co_await pending->deadline.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    state->pending.erase(frame.sequence);
    if (!pending->answer)
        co_return Error{
            Code::timeout,
            "the backend did not answer within " + std::to_string(timeout.count()) + " ms",
            "see its journal; detach the device by force if it stays silent"};
    co_return std::move(*pending->answer);
}

// The answer as the type the request promises; a Failed becomes our error.
template <class T> Outcome<T> expect(Outcome<Answer> answer)
{
    if (!answer)
        return answer.error();
    if (T* wanted = std::get_if<T>(&*answer))
        return std::move(*wanted);
    if (const Failed* failed = std::get_if<Failed>(&*answer))
        return Error{Code::failed, failed->text, failed->next};
    return Error{Code::failed, "the backend gave an answer to another question", {}};
}

Outcome<Unit> expect_done(Outcome<Answer> answer)
{
    auto done = expect<Done>(std::move(answer));
    if (!done)
        return done.error();
    return Unit{};
}

std::vector<UniqueFd> no_fds()
{
    return {};
}

} // namespace

BackendClient::BackendClient(std::shared_ptr<State> state) : state_{std::move(state)} {}

BackendClient::~BackendClient()
{
    state_->close(Error{Code::unreachable, "the connection to the backend was closed", {}});
}

std::unique_ptr<BackendClient>
BackendClient::adopt(asio::any_io_executor executor, UniqueFd socket, Handlers handlers)
{
    auto state = std::make_shared<State>(executor, std::move(socket), std::move(handlers));
    state->arm_read();
    return std::unique_ptr<BackendClient>{new BackendClient{std::move(state)}};
}

Outcome<std::unique_ptr<BackendClient>>
BackendClient::connect(asio::any_io_executor executor, const std::string& path, Handlers handlers)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return Error{Code::usage, "the path of a backend's socket is too long: " + path, {}};
    path.copy(address.sun_path, path.size());
    UniqueFd fd{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd)
        return system_error("cannot make a socket", errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        Error error = system_error("cannot reach the backend at " + path, errno);
        error.code = Code::unreachable;
        return error;
    }
    return adopt(std::move(executor), std::move(fd), std::move(handlers));
}

BackendClient::Call<HelloAnswer> BackendClient::hello(Timeout timeout)
{
    Request request = Hello{};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect<HelloAnswer>(std::move(answer));
}

BackendClient::Call<Ready>
BackendClient::add_disk(AddDisk disk, std::vector<UniqueFd> files, Timeout timeout)
{
    Request request = std::move(disk);
    auto answer = co_await call(state_, std::move(request), std::move(files), timeout);
    co_return expect<Ready>(std::move(answer));
}

BackendClient::Call<Ready>
BackendClient::add_nic(AddNic nic, std::vector<UniqueFd> taps, Timeout timeout)
{
    Request request = std::move(nic);
    auto answer = co_await call(state_, std::move(request), std::move(taps), timeout);
    co_return expect<Ready>(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::connect_device(Connect connect, Timeout timeout)
{
    Request request = std::move(connect);
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::disconnect_device(DeviceId device, Timeout timeout)
{
    Request request = Disconnect{device};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::remove_device(DeviceId device, Timeout timeout)
{
    Request request = RemoveDevice{device};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<DeviceList> BackendClient::list(Timeout timeout)
{
    Request request = ListDevices{};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect<DeviceList>(std::move(answer));
}

BackendClient::Call<Stats> BackendClient::stats(DeviceId device, Timeout timeout)
{
    Request request = GetStats{device};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect<Stats>(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::set_limits(SetLimits limits, Timeout timeout)
{
    Request request = limits;
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::measure_disk(DeviceId device, Timeout timeout)
{
    Request request = MeasureDisk{device};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::settle(std::uint32_t processor, Timeout timeout)
{
    Request request = Settle{processor};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit>
BackendClient::change_medium(DeviceId device, std::vector<UniqueFd> image, Timeout timeout)
{
    Request request = ChangeMedium{device};
    auto answer = co_await call(state_, std::move(request), std::move(image), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::set_headroom(SetHeadroom headroom, Timeout timeout)
{
    Request request = headroom;
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

BackendClient::Call<Unit> BackendClient::shutdown(Timeout timeout)
{
    Request request = Shutdown{};
    auto answer = co_await call(state_, std::move(request), no_fds(), timeout);
    co_return expect_done(std::move(answer));
}

} // namespace zocalo::backend
