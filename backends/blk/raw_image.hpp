// SPDX-License-Identifier: Apache-2.0
// RawImage: a raw file or block device, without the engine that moves its bytes: what the open file
// is, the bounded number of transfers, the rest of a short one, discards, and who hears of ends. An
// engine (aio_image, uring_image) hands transfers to the kernel and says how they ended. It knows
// neither rings nor guests.
#pragma once

#include "backends/blk/image.hpp"
#include "backends/blk/medium.hpp"
#include "backends/common/worker.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>
#include <vector>

namespace zocalo::blk {

class RawImage : public Image {
  public:
    struct Wanted {
        bool read_only{};
        std::uint32_t sector_size{512}; // the smallest transfer that must work
        std::size_t depth{256};         // transfers in flight at most
    };

    RawImage(const RawImage&) = delete;
    RawImage& operator=(const RawImage&) = delete;
    // An engine's own destructor waits for what is in flight: buffers may go after it.
    ~RawImage() override;

    std::uint64_t sectors() const final;
    bool writable() const final;
    std::uint32_t physical_block() const final;
    std::uint32_t discard_granularity() const final;
    bool discards_securely() const final;
    void measure() final;
    std::size_t room() const final { return unused_.size(); }
    void submit(const Transfer& transfer) final;
    void kick() final;
    void collect() final;
    void on_completed(OnCompleted callback) final { callback_ = std::move(callback); }

    // For the log: empty when direct I/O is used.
    const std::string& note() const;

  protected:
    // One transfer on its way.
    struct Slot {
        Transfer transfer;
        std::size_t done = 0; // bytes, after a short transfer
    };
    // The file lives until the last discard on it has ended.
    struct Opened {
        UniqueFd file;
        Medium medium;
        bool read_only{};
        std::size_t depth{};
    };

    // Errors: not a file or block device, smaller than one sector, opened read-only while writes
    // are wanted. A medium whose direct I/O needs larger transfers than `sector_size`, or that has
    // none, is served through the page cache, and `note()` says so.
    static Outcome<std::shared_ptr<Opened>> open(UniqueFd file, const Wanted& wanted);

    // Discards block: they run on `worker`, which outlives the image.
    RawImage(boost::asio::io_context& io, backend::Worker& worker, std::shared_ptr<Opened> opened);

    // Gives these to the kernel, in one go; how many it took, from the first. Those that it refuses
    // for good count as taken: they end().
    virtual std::size_t hand_over(std::span<Slot* const> slots) = 0;
    // ended() for each that the kernel has finished, and nothing else.
    virtual void reap() = 0;
    // Nothing is in flight: the event loop need not wake for what was answered already.
    virtual void silence() = 0;

    // What the kernel made of it: bytes, or a negative errno value. The rest of a short transfer is
    // handed over again.
    void ended(Slot& slot, long result);
    // Reaps, hands over what waits, calls back.
    void gather();
    // What is left of it; its tag is the slot's number.
    Transfer rest(const Slot& slot) const;
    std::size_t number(const Slot& slot) const;
    Slot& slot(std::size_t number) { return slots_[number]; }
    std::size_t depth() const { return slots_.size(); }
    int file() const { return opened_->file.get(); }

  private:
    void discard(Slot& slot);
    void finish(Slot& slot, int error);
    void announce();

    boost::asio::io_context& io_;
    backend::Worker& worker_;
    std::shared_ptr<Opened> opened_;
    std::vector<Slot> slots_;
    std::vector<Slot*> unused_;
    std::vector<Slot*> prepared_; // not with the kernel yet
    std::vector<Completion> completed_;
    std::vector<Completion> delivering_;
    OnCompleted callback_;
    bool collecting_ = false; // the callback submits, and its owner looks again
    // A discard that ends after the image finds false here.
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace zocalo::blk
