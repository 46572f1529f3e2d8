// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/channel.hpp"

#include "toolstackd/sys/log.hpp"

#include <xen/io/console.h>

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

namespace zocalo::toolstack {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A guest that fills its channel costs the daemon no more than this.
constexpr double kBytesPerSecond = 16 << 20;

// Only a socket is ever removed: the path is an administrator's, and may be mistyped.
Outcome<Unit> clear_place(const std::string& path)
{
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0)
        return Unit{};
    if (!S_ISSOCK(found.st_mode))
        return Error{
            Code::conflict,
            "channel: " + path + " exists and is no socket",
            "choose another path, or remove it"};
    if (::unlink(path.c_str()) != 0)
        return system_error("channel: cannot replace " + path, errno);
    return Unit{};
}

} // namespace

Channel::Channel(asio::any_io_executor executor, xen::EventChannels& events)
    : events_{events}, acceptor_{executor}, client_{executor},
      pace_{kBytesPerSecond, kBytesPerSecond}, rest_{executor}
{
}

Channel::~Channel()
{
    if (is_socket_)
        ::unlink(path_.c_str());
}

Outcome<std::shared_ptr<Channel>> Channel::open(
    asio::any_io_executor executor, xen::EventChannels& events, const rpc::ChannelConfig& config
)
{
    std::shared_ptr<Channel> channel{new Channel{std::move(executor), events}};
    if (config.connection == "socket")
        TRY(channel->listen(config.path));
    else
        TRY(channel->open_terminal());
    return channel;
}

Outcome<Unit> Channel::listen(const std::string& path)
{
    TRY(clear_place(path));
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    const mode_t before = ::umask(0177);
    const bool bound =
        fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::umask(before);
    if (!bound || ::listen(fd.get(), 1) != 0)
        return system_error("channel: cannot listen on " + path, errno, "does the folder exist?");
    path_ = path;
    is_socket_ = true;
    acceptor_.assign(asio::local::stream_protocol{}, fd.release());
    accept();
    return Unit{};
}

Outcome<Unit> Channel::open_terminal()
{
    UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)};
    std::array<char, 64> name{};
    if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
        ::ptsname_r(master.get(), name.data(), name.size()) != 0)
        return system_error("channel: cannot make a terminal", errno);
    path_ = name.data();
    terminal_.reset(::open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios how{};
    if (!terminal_ || ::tcgetattr(terminal_.get(), &how) != 0)
        return system_error("channel: cannot open " + path_, errno);
    ::cfmakeraw(&how); // bytes, not lines
    ::tcsetattr(terminal_.get(), TCSANOW, &how);
    client_.assign(master.release());
    read_client();
    return Unit{};
}

// One client at a time: the next one waits in the queue of the socket until this one has gone.
void Channel::accept()
{
    acceptor_.async_accept([weak = weak_from_this(),
                            this](error_code failure, asio::local::stream_protocol::socket peer) {
        const auto self = weak.lock();
        if (!self || failure == asio::error::operation_aborted)
            return;
        if (failure)
            return log_warning("channel " + path_ + ": " + failure.message());
        client_.assign(peer.release());
        read_client();
        write_client();
    });
}

void Channel::drop_client()
{
    if (!is_socket_ || !client_.is_open())
        return;
    ++client_number_;
    reading_ = writing_ = false;
    error_code ignored;
    client_.close(ignored);
    accept();
}

void Channel::read_client()
{
    if (reading_ || !client_.is_open() || to_guest_.size() >= kMostWaiting)
        return;
    reading_ = true;
    client_.async_read_some(
        asio::buffer(typed_),
        [weak = weak_from_this(), this, mine = client_number_](error_code failure, std::size_t n) {
            const auto self = weak.lock();
            if (!self || mine != client_number_)
                return;
            reading_ = false;
            if (failure)
                return drop_client();
            to_guest_.append(typed_.data(), n);
            turn();
            read_client();
        }
    );
}

void Channel::write_client()
{
    if (writing_ || !client_.is_open() || to_client_.empty())
        return;
    writing_ = true;
    client_.async_write_some(
        asio::buffer(to_client_),
        [weak = weak_from_this(), this, mine = client_number_](error_code failure, std::size_t n) {
            const auto self = weak.lock();
            if (!self || mine != client_number_)
                return;
            writing_ = false;
            if (failure)
                return drop_client(); // what was not written waits for the next one
            to_client_.erase(0, n);
            if (held_)
                turn();
            write_client();
        }
    );
}

void Channel::join(ConsoleLink link)
{
    link_.emplace(std::move(link));
    held_ = false;
    turn(); // what it wrote before we listened
}

void Channel::turn()
{
    if (!link_ || resting_)
        return;
    ConsoleRing ring{*reinterpret_cast<xencons_interface*>(link_->page.bytes().data())};
    // A transfer under way holds on to these bytes: what is new waits beside them, in the ring.
    held_ = writing_ || to_client_.size() >= kMostWaiting;
    const std::size_t before = to_client_.size();
    const auto taken = held_ ? Result<std::size_t>{0} : ring.take_output(to_client_);
    const auto given = ring.put_input(to_guest_);
    if (!taken || !given) {
        to_client_.resize(before);
        log_warning("channel " + path_ + ": the guest's ring holds impossible indices; it is left");
        return leave();
    }
    to_guest_.erase(0, *given);
    if (*taken > 0 || *given > 0)
        static_cast<void>(events_.notify(link_->local.port()));
    const auto delay = pace_.take(*taken, Pace::Clock::now());
    if (delay.count() > 0)
        rest(delay);
    else if (!held_)
        static_cast<void>(events_.unmask(link_->local.port()));
    write_client();
    read_client();
}

void Channel::rest(std::chrono::milliseconds delay)
{
    resting_ = true;
    rest_.expires_after(delay);
    rest_.async_wait([weak = weak_from_this(), this](error_code stopped) {
        const auto self = weak.lock();
        if (!self || stopped)
            return;
        resting_ = false;
        turn();
    });
}

} // namespace zocalo::toolstack
