// SPDX-License-Identifier: Apache-2.0
// Image: where a disk's bytes live, as the queues see it: asynchronous transfers with a bounded
// number in flight. An interface, so that queues run in tests against memory; raw_image is what the
// real ones have in common, and other media (NBD, RBD) come beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace zocalo::blk {

enum class Direction : std::uint8_t { read, write, flush, discard, secure_discard };

struct Transfer {
    std::uint32_t tag{}; // the caller's; comes back with the completion
    Direction direction{};
    std::uint64_t offset{};    // bytes
    std::span<std::byte> data; // page-aligned; stays valid until completed; of a read or write
    std::uint64_t length{};    // bytes of a discard
};

struct Completion {
    std::uint32_t tag{};
    int error{}; // 0, or an errno value; never a partial success
};

class Image {
  public:
    using OnCompleted = std::function<void(std::span<const Completion>)>;

    virtual ~Image() = default;

    // Whole 512-byte sectors.
    virtual std::uint64_t sectors() const = 0;
    virtual bool writable() const = 0;
    // Bytes of the medium's own block, for `physical-sector-size`.
    virtual std::uint32_t physical_block() const = 0;

    // What it can give back; bytes, 0: nothing.
    virtual std::uint32_t discard_granularity() const { return 0; }
    virtual bool discards_securely() const { return false; }
    // Looks at the medium again: it may have grown or shrunk.
    virtual void measure() {}

    // How many more transfers submit() takes now.
    virtual std::size_t room() const = 0;
    // Queues a transfer; only with room(). A flush covers every write completed before it.
    virtual void submit(const Transfer& transfer) = 0;
    // Hands what was submitted to the medium, in one go.
    virtual void kick() = 0;
    // Looks for what has completed already, so that a fast medium costs no turn of the event loop.
    virtual void collect() {}
    // Where completions go; called from the event loop or by collect(), with all that are ready,
    // never inside submit() or kick(). It must not destroy the image.
    virtual void on_completed(OnCompleted callback) = 0;
};

} // namespace zocalo::blk
