// SPDX-License-Identifier: Apache-2.0
// AioImage: a raw file or block device through Linux's native asynchronous I/O (libaio), with an
// eventfd that the event loop waits on. Direct I/O where the medium can; it says so when it cannot.
// It knows neither rings nor guests.
#pragma once

#include "backends/blk/image.hpp"
#include "backends/common/worker.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace zocalo::blk {

class AioImage final : public Image {
  public:
    struct Wanted {
        bool read_only{};
        std::uint32_t sector_size{512}; // the smallest transfer that must work
        std::size_t depth{256};         // transfers in flight at most
    };

    // Takes over the open image. Errors: not a file or block device, smaller than one sector,
    // opened read-only while writes are wanted. A medium whose direct I/O needs larger transfers
    // than `sector_size`, or that has none, is served through the page cache, and `note()` says so.
    // Discards block: they run on `worker`, which outlives the image.
    static Outcome<std::unique_ptr<AioImage>> create(
        boost::asio::io_context& io, backend::Worker& worker, UniqueFd file, const Wanted& wanted
    );
    ~AioImage() override;

    std::uint64_t sectors() const override;
    bool writable() const override;
    std::uint32_t physical_block() const override;
    std::uint32_t discard_granularity() const override;
    bool discards_securely() const override;
    void measure() override;
    std::size_t room() const override;
    void submit(const Transfer& transfer) override;
    void kick() override;
    void collect() override;
    void on_completed(OnCompleted callback) override;

    // For the log: empty when direct I/O is used.
    const std::string& note() const;

  private:
    struct State;
    explicit AioImage(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

} // namespace zocalo::blk
