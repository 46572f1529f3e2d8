// SPDX-License-Identifier: Apache-2.0
// Reader: one client's position in a console's history, and its place as the writer if it has it.
#pragma once

#include "toolstackd/console/console.hpp"
#include "toolstackd/console/consoles.hpp"

namespace zocalo::toolstack {

class Reader final : public ConsoleReader {
  public:
    // Registers itself; starts `replay` bytes before the end.
    Reader(
        boost::asio::any_io_executor executor,
        std::shared_ptr<Console> console,
        std::size_t replay,
        std::function<void(Console&)> pump
    );
    ~Reader() override;

    Answer<std::string> read() override;
    Answer<Unit> write(std::string input) override;
    void cancel() override;
    std::string end_reason() const override { return console_->ended; }

    void wake() { wake_.cancel(); }

  private:
    std::shared_ptr<Console> console_;
    std::uint64_t position_;
    std::function<void(Console&)> pump_; // hands waiting input to the guest
    boost::asio::steady_timer wake_;
    bool cancelled_{};
};

} // namespace zocalo::toolstack
