// SPDX-License-Identifier: Apache-2.0
// MemoryImage: a disk in memory whose transfers end when the test says so, well or badly.
#pragma once

#include "backends/blk/image.hpp"

#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <vector>

namespace zocalo::blk::test {

class MemoryImage final : public Image {
  public:
    explicit MemoryImage(std::size_t sectors, std::size_t depth = 64)
        : bytes(sectors * 512), depth_{depth}
    {
    }

    std::uint64_t sectors() const override { return bytes.size() / 512; }
    bool writable() const override { return true; }
    std::uint32_t physical_block() const override { return 512; }
    std::uint32_t discard_granularity() const override { return granularity; }
    std::size_t room() const override { return depth_ - waiting.size(); }
    void submit(const Transfer& transfer) override { waiting.push_back(transfer); }
    void kick() override { ++kicks; }
    // A medium that is done at once: it answers before the turn is over.
    void collect() override
    {
        if (on_collect)
            on_collect();
        if (at_once)
            finish_all(*at_once);
    }
    void on_completed(OnCompleted callback) override { callback_ = std::move(callback); }

    // Carries out the transfers that were submitted, last first if `reversed`, and reports them at
    // once.
    void finish_all(int error = 0, bool reversed = false)
    {
        std::vector<Completion> done;
        while (!waiting.empty()) {
            const Transfer t = reversed ? waiting.back() : waiting.front();
            reversed ? waiting.pop_back() : waiting.pop_front();
            if (error == 0)
                carry_out(t);
            done.push_back({t.tag, error});
        }
        report(done);
    }
    // Carries out one that the test took out of `waiting`, and reports it.
    void finish(const Transfer& transfer)
    {
        carry_out(transfer);
        report({{transfer.tag, 0}});
    }
    void report(const std::vector<Completion>& done)
    {
        if (callback_ && !done.empty())
            callback_(done);
    }

    std::vector<std::byte> bytes;
    std::deque<Transfer> waiting;
    unsigned kicks = 0;
    std::uint32_t granularity = 0;
    std::optional<int> at_once; // with this error
    std::function<void()> on_collect;

  private:
    void carry_out(const Transfer& t)
    {
        if (t.direction == Direction::read)
            std::memcpy(t.data.data(), bytes.data() + t.offset, t.data.size());
        else if (t.direction == Direction::write)
            std::memcpy(bytes.data() + t.offset, t.data.data(), t.data.size());
        else if (t.direction == Direction::discard)
            std::memset(bytes.data() + t.offset, 0, t.length);
    }
    std::size_t depth_;
    OnCompleted callback_;
};

} // namespace zocalo::blk::test
