// SPDX-License-Identifier: Apache-2.0
#include "backends/common/control_server.hpp"

#include "backends/common/log.hpp"
#include "common/backend-ctl/channel.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <deque>
#include <optional>
#include <sys/socket.h>
#include <utility>

namespace zocalo::backend {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

namespace {

// A daemon that reads no answers is not served for ever.
constexpr std::size_t kMaxUnsent = 1024;

// One daemon's connection. Replies hold it weakly by being given to a generation that may be gone.
struct Connection : std::enable_shared_from_this<Connection> {
    Connection(asio::io_context& io, UniqueFd fd) : socket{io, fd.release()} {}

    Descriptor socket;
    std::deque<Bytes> unsent;
    bool open = true;

    void close()
    {
        if (!std::exchange(open, false))
            return;
        boost::system::error_code ignored;
        socket.close(ignored);
        unsent.clear();
    }

    void send(const BackendFrame& frame)
    {
        auto bytes = encode(frame);
        if (!bytes && frame.sequence != 0)
            bytes = encode(BackendFrame{frame.sequence, Answer{Failed{bytes.error().what, {}}}});
        if (!open || !bytes)
            return;
        if (unsent.size() >= kMaxUnsent) {
            log(Level::warning, "the daemon reads no answers; closing its connection");
            return close();
        }
        unsent.push_back(std::move(*bytes));
        if (unsent.size() == 1)
            write();
    }

    void write()
    {
        while (open && !unsent.empty()) {
            auto sent = send_datagram(socket.native_handle(), unsent.front(), {});
            if (!sent)
                return close();
            if (*sent == Sent::would_block)
                return wait_writable();
            unsent.pop_front();
        }
    }

    void wait_writable()
    {
        socket.async_wait(
            Descriptor::wait_write,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (!ec)
                    self->write();
            }
        );
    }
};

} // namespace

struct ControlServer::State : std::enable_shared_from_this<ControlServer::State> {
    State(asio::io_context& io_, UniqueFd fd, Identity identity_, Service& service_)
        : io{io_}, listening{io_, fd.release()}, identity{identity_}, service{&service_}
    {
    }

    asio::io_context& io;
    Descriptor listening;
    Identity identity;
    Service* service;
    std::function<void()> on_shutdown;
    std::shared_ptr<Connection> daemon;

    void accept_next()
    {
        listening.async_wait(
            Descriptor::wait_read,
            [self = shared_from_this()](boost::system::error_code ec) {
                if (ec || self->service == nullptr)
                    return;
                self->accept();
                self->accept_next();
            }
        );
    }

    void accept()
    {
        UniqueFd fd{
            ::accept4(listening.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!fd)
            return;
        if (daemon)
            daemon->close();
        daemon = std::make_shared<Connection>(io, std::move(fd));
        read_next(daemon);
    }

    void read_next(const std::shared_ptr<Connection>& connection)
    {
        connection->socket.async_wait(
            Descriptor::wait_read,
            [self = shared_from_this(), connection](boost::system::error_code ec) {
                if (!ec && connection->open && self->service != nullptr)
                    self->read(connection);
            }
        );
    }

    void read(const std::shared_ptr<Connection>& connection)
    {
        while (connection->open && service != nullptr) {
            auto datagram = receive_datagram(connection->socket.native_handle());
            if (!datagram) // the daemon went; the next one will say hello
                return connection->close();
            if (!*datagram)
                return read_next(connection);
            serve(connection, std::move(**datagram));
        }
    }

    void serve(const std::shared_ptr<Connection>& connection, Datagram datagram)
    {
        auto frame = decode_request(datagram.bytes);
        if (!frame) {
            log(Level::error, describe(frame.error()));
            return connection->close();
        }
        const std::uint32_t sequence = frame->sequence;
        if (std::holds_alternative<Hello>(frame->request))
            return connection->send(
                {sequence, Answer{HelloAnswer{kProtocolVersion, identity.kind, identity.domain}}}
            );
        const bool last = std::holds_alternative<Shutdown>(frame->request);
        auto reply = [self = shared_from_this(), connection, sequence, last](Answer answer) {
            connection->send({sequence, std::move(answer)});
            if (last && self->on_shutdown)
                std::exchange(self->on_shutdown, nullptr)();
        };
        service->handle(std::move(frame->request), std::move(datagram.fds), std::move(reply));
    }
};

ControlServer::ControlServer(
    asio::io_context& io,
    UniqueFd listening,
    Identity identity,
    Service& service,
    std::function<void()> on_shutdown
)
    : state_{std::make_shared<State>(io, std::move(listening), identity, service)}
{
    state_->on_shutdown = std::move(on_shutdown);
    state_->accept_next();
}

ControlServer::~ControlServer()
{
    boost::system::error_code ignored;
    state_->listening.close(ignored);
    if (state_->daemon)
        state_->daemon->close();
    state_->service = nullptr;
    state_->on_shutdown = nullptr;
}

void ControlServer::send_event(Event event)
{
    if (state_->daemon && state_->daemon->open)
        state_->daemon->send({0, std::move(event)});
}

} // namespace zocalo::backend
