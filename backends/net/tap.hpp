// SPDX-License-Identifier: Apache-2.0
// Tap: one queue of a tap device whose descriptor toolstackd handed over. Frames go in and out with
// a TapHeader before them. Needs no privilege: everything that does was done before the hand-over.
#pragma once

#include "backends/net/offload.hpp"
#include "backends/net/write_ring.hpp"
#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace zocalo::net {

// Header and the longest frame a tap can hold: an IP packet of 64 KiB behind Ethernet and two tags.
constexpr std::size_t kMaxTapFrame = sizeof(TapHeader) + kEthernetHeader + 8 + 65535;

class Tap {
  public:
    // `ring`, if there is one, outlives the tap.
    explicit Tap(UniqueFd fd, WriteRing* ring = nullptr) : fd_{std::move(fd)}, ring_{ring} {}

    // Non-blocking, with our header size and without offloads or carrier: what a fresh device has.
    Outcome<Unit> prepare();
    // TUN_F_*: what frames read from now on may leave to us.
    Outcome<Unit> set_offloads(unsigned offloads);
    // What the bridge sees: without carrier it sends nothing here, and no queue builds up.
    Outcome<Unit> set_carrier(bool up);
    // Of a multi-queue device: only attached queues are given frames.
    Outcome<Unit> set_attached(bool attached);

    // Each is a header and its frame; not taken when the link is down or memory short.
    void write(std::span<TapWrite> frames);

    enum class Read { frame, empty, failed };
    // One header and frame; `size` says how much of `room` they fill. `failed`: the device is gone.
    Read read(std::span<std::uint8_t> room, std::size_t& size);

    int fd() const { return fd_.get(); }

  private:
    UniqueFd fd_;
    WriteRing* ring_;
};

} // namespace zocalo::net
