// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/connection.hpp"

#include "common/xen-proto/xs_wire.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <deque>
#include <fcntl.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <unistd.h>
#include <unordered_map>
#include <utility>

namespace zocalo::toolstack {
namespace asio = boost::asio;
namespace {

constexpr std::size_t kMostPending = 65536;         // requests without an answer
constexpr std::size_t kMostQueuedBytes = 16U << 20; // bytes xenstored has not taken

Error closed_error(const std::string& why)
{
    return Error{
        Code::unreachable,
        "xenstored is not reachable: " + why,
        "see `systemctl status xenstored`; running guests go on"};
}

// The answers some caller waits for; the timer is its alarm clock, cancelled by the last answer.
struct Batch {
    explicit Batch(const asio::any_io_executor& executor, std::size_t size)
        : alarm(executor), replies(size), missing(size)
    {
    }
    asio::steady_timer alarm;
    std::vector<XsReply> replies;
    std::size_t missing;
    bool lost = false;
};

struct Pending {
    std::shared_ptr<Batch> batch; // none: nobody waits
    std::size_t index{};
};

class Connection final : public XsConnection, public std::enable_shared_from_this<Connection> {
  public:
    Connection(const asio::any_io_executor& executor, XsEndpoint endpoint, Handlers handlers)
        : executor_(executor), stream_(executor, endpoint.fd.release()),
          one_by_one_(endpoint.kernel_device), handlers_(std::move(handlers))
    {
        stream_.non_blocking(true);
    }

    void start() { read(); }
    bool open() const override { return stream_.is_open(); }
    std::uint64_t sent() const override { return sent_; }

    Answer<std::vector<XsReply>> exchange(
        std::uint32_t transaction, std::vector<XsRequest> requests, std::chrono::milliseconds limit
    ) override
    {
        const auto self = shared_from_this();
        if (!open())
            co_return closed_error("no connection");
        if (pending_.size() + requests.size() > kMostPending)
            co_return closed_error("it does not answer");
        const auto batch = std::make_shared<Batch>(executor_, requests.size());
        for (std::size_t i = 0; i < requests.size(); ++i)
            enqueue(transaction, requests[i], {batch, i});
        flush();
        if (batch->missing > 0 && !batch->lost) {
            batch->alarm.expires_after(limit);
            boost::system::error_code ignored;
            co_await batch->alarm.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        }
        if (batch->lost)
            co_return closed_error("the connection ended");
        if (batch->missing > 0)
            co_return Error{
                Code::timeout,
                "xenstored did not answer within " + std::to_string(limit.count()) + " ms",
                "see `systemctl status xenstored`"};
        co_return std::move(batch->replies);
    }

    void send(std::uint32_t transaction, XsRequest request) override
    {
        if (!open() || pending_.size() >= kMostPending)
            return;
        enqueue(transaction, request, {});
        flush();
    }

    void close() override
    {
        handlers_ = {};
        shut("closed");
    }

  private:
    void enqueue(std::uint32_t transaction, const XsRequest& request, Pending pending)
    {
        const std::uint32_t id = next_id();
        const auto header = xen::xs_header(request.type, id, transaction, request.payload.size());
        std::string message(header.data(), header.size());
        message += request.payload;
        queued_bytes_ += message.size();
        queue_.push_back({id, std::move(message)});
        pending_.emplace(id, std::move(pending));
        ++sent_;
    }

    std::uint32_t next_id()
    {
        do
            ++last_id_;
        while (last_id_ == 0 || pending_.contains(last_id_));
        return last_id_;
    }

    void flush()
    {
        while (!waiting_to_write_ && open()) {
            if (output_.size() == written_ && !refill())
                return;
            const ssize_t n = put(std::string_view{output_}.substr(written_));
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                return shut(std::generic_category().message(errno));
            if (n > 0)
                written_ += static_cast<std::size_t>(n);
            else if (errno == EAGAIN)
                wait_to_write();
        }
    }

    // Takes the next message to write, or as many as there are.
    bool refill()
    {
        output_.clear();
        written_ = 0;
        if (one_by_one_ && asked_)
            return false;
        while (!queue_.empty() && (output_.empty() || !one_by_one_)) {
            output_ += queue_.front().bytes;
            if (one_by_one_)
                asked_ = queue_.front().id;
            queue_.pop_front();
        }
        queued_bytes_ -= output_.size();
        return !output_.empty();
    }

    // No SIGPIPE when xenstored has gone: the daemon's signals are not ours to decide on.
    ssize_t put(std::string_view bytes)
    {
        return one_by_one_
                   ? ::write(stream_.native_handle(), bytes.data(), bytes.size())
                   : ::send(stream_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }

    void wait_to_write()
    {
        if (queued_bytes_ > kMostQueuedBytes)
            return shut("it does not read our requests");
        waiting_to_write_ = true;
        stream_.async_wait(
            asio::posix::stream_descriptor::wait_write,
            [self = shared_from_this()](boost::system::error_code error) {
                self->waiting_to_write_ = false;
                if (!error)
                    self->flush();
            }
        );
    }

    void read()
    {
        stream_.async_read_some(
            asio::buffer(input_),
            [self = shared_from_this()](boost::system::error_code error, std::size_t n) {
                self->received(error, n);
            }
        );
    }

    void received(boost::system::error_code error, std::size_t n)
    {
        if (error)
            return shut(error.message());
        std::string_view bytes(input_.data(), n);
        while (!bytes.empty() && open()) {
            bytes.remove_prefix(reader_.feed(bytes));
            xen::XsMessage message;
            if (reader_.message(message))
                dispatch(message);
            if (reader_.broken())
                return shut("it sent a message that is too long");
        }
        flush();
        if (open())
            read();
    }

    void dispatch(const xen::XsMessage& message)
    {
        if (message.header.type == XS_WATCH_EVENT) {
            const auto event = xen::watch_event(message.payload);
            if (event && handlers_.on_watch)
                handlers_.on_watch(event->path, event->token);
            return;
        }
        const auto found = pending_.find(asked_.value_or(message.header.req_id));
        if (found == pending_.end())
            return shut("it answered a request we never sent");
        const Pending pending = std::move(found->second);
        pending_.erase(found);
        asked_.reset();
        if (!pending.batch)
            return;
        XsReply& reply = pending.batch->replies[pending.index];
        if (message.header.type == XS_ERROR)
            reply.error = xs_errno(message.payload);
        else
            reply.payload = message.payload;
        if (--pending.batch->missing == 0)
            pending.batch->alarm.cancel();
    }

    void shut(const std::string& why)
    {
        if (!open())
            return;
        boost::system::error_code ignored;
        stream_.close(ignored);
        queue_.clear();
        for (auto& [id, pending] : std::exchange(pending_, {})) {
            if (!pending.batch)
                continue;
            pending.batch->lost = true;
            pending.batch->alarm.cancel();
        }
        if (const auto on_closed = std::exchange(handlers_.on_closed, nullptr))
            on_closed(closed_error(why));
    }

    asio::any_io_executor executor_;
    asio::posix::stream_descriptor stream_;
    bool one_by_one_;
    Handlers handlers_;
    xen::XsReader reader_;
    std::array<char, 16384> input_{};
    std::string output_; // being written, `written_` bytes of it are gone
    std::size_t written_ = 0;
    struct Message {
        std::uint32_t id;
        std::string bytes;
    };
    std::deque<Message> queue_;
    std::optional<std::uint32_t> asked_; // by the one request that the kernel's device has
    std::size_t queued_bytes_ = 0;
    std::unordered_map<std::uint32_t, Pending> pending_;
    std::uint32_t last_id_ = 0;
    std::uint64_t sent_ = 0;
    bool waiting_to_write_ = false;
};

Outcome<UniqueFd> connect_socket(const char* path)
{
    UniqueFd fd{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string_view{path}.copy(address.sun_path, sizeof(address.sun_path) - 1);
    if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
        return system_error(path, errno);
    return fd;
}

} // namespace

Outcome<XsEndpoint> XenstoredFinder::operator()()
{
    auto socket = connect_socket(socket_.c_str());
    if (socket) {
        socket_was_there_ = true;
        return XsEndpoint{std::move(*socket), false};
    }
    std::string why = socket.error().what;
    if (!socket_was_there_) {
        UniqueFd device{::open(device_.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
        if (device)
            return XsEndpoint{std::move(device), true};
        why += "; " + system_error(device_, errno).what;
    }
    return closed_error(why);
}

std::shared_ptr<XsConnection>
XsConnection::adopt(asio::any_io_executor executor, XsEndpoint endpoint, Handlers handlers)
{
    auto connection =
        std::make_shared<Connection>(executor, std::move(endpoint), std::move(handlers));
    connection->start();
    return connection;
}

} // namespace zocalo::toolstack
