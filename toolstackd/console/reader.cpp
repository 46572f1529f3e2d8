// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/reader.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace zocalo::toolstack {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kReadAtOnce = 64 << 10;

asio::awaitable<void> wait_for(asio::steady_timer& signal)
{
    boost::system::error_code woken;
    signal.expires_at(asio::steady_timer::time_point::max());
    co_await signal.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

std::string marker(std::uint64_t lost)
{
    return "\r\n[" + std::to_string(lost) + " bytes lost: this reader was too slow]\r\n";
}

} // namespace

Reader::Reader(
    asio::any_io_executor executor,
    std::shared_ptr<Console> console,
    std::size_t replay,
    std::function<void(Console&)> pump
)
    : console_{std::move(console)},
      position_{console_->history.end() - console_->history.tail(replay).size()},
      pump_{std::move(pump)}, wake_{executor}
{
    console_->readers.insert(this);
}

Reader::~Reader()
{
    console_->readers.erase(this);
    if (console_->writer == this)
        console_->writer = nullptr;
}

Answer<std::string> Reader::read()
{
    for (;;) {
        if (cancelled_)
            co_return std::string{};
        const History::Slice slice = console_->history.read(position_, kReadAtOnce);
        if (!slice.data.empty()) {
            std::string data{slice.data};
            if (slice.lost > 0)
                data.insert(0, marker(slice.lost));
            position_ += slice.lost + slice.data.size();
            co_return data;
        }
        if (!console_->link)
            co_return std::string{};
        co_await wait_for(wake_);
    }
}

Answer<Unit> Reader::write(std::string input)
{
    // Piece by piece, so that one client's paste holds a bounded buffer.
    std::size_t done = 0;
    while (done < input.size()) {
        if (console_->writer != this)
            co_return Error{Code::conflict, "another client writes to this console now", {}};
        if (!console_->link || cancelled_)
            co_return Error{Code::unreachable, "the console has ended: " + console_->ended, {}};
        const std::size_t space = console_->options.input_bytes - console_->input.size();
        console_->input.append(input, done, space);
        done += std::min(space, input.size() - done);
        pump_(*console_);
        if (done < input.size())
            co_await wait_for(console_->room);
    }
    co_return Unit{};
}

void Reader::cancel()
{
    cancelled_ = true;
    wake_.cancel();
    console_->room.cancel();
}

} // namespace zocalo::toolstack
