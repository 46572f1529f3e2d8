// SPDX-License-Identifier: Apache-2.0
// MulticastFilter: which multicast frames a card's guest wants (xen/io/netif.h, multicast control):
// none but those to addresses it named, once it asked for that. One for all queues of a card. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace zocalo::net {

class MulticastFilter {
  public:
    // As many as Linux's netback takes; more are refused, and the guest may do without.
    static constexpr std::size_t kMost = 64;
    using Address = std::array<std::uint8_t, 6>;

    // `wanted`: request-multicast-control. A process that goes on for one that died does not know
    // what the guest named, so it lets everything pass.
    void start(bool wanted, bool resumed)
    {
        filters_ = wanted && !resumed;
        count_ = 0;
    }
    bool add(const Address& address)
    {
        if (!is_group(address.data()))
            return false;
        if (find(address.data()) < count_)
            return true;
        if (count_ == kMost)
            return false;
        named_[count_++] = address;
        return true;
    }
    bool remove(const Address& address)
    {
        const std::size_t at = find(address.data());
        if (at == count_)
            return false;
        named_[at] = named_[--count_];
        return true;
    }
    // Of a frame to the guest. Broadcasts always pass.
    bool passes(std::span<const std::uint8_t> frame) const
    {
        if (!filters_ || frame.size() < sizeof(Address) || !is_group(frame.data()))
            return true;
        constexpr Address kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        return std::memcmp(frame.data(), kBroadcast.data(), kBroadcast.size()) == 0 ||
               find(frame.data()) < count_;
    }

  private:
    static bool is_group(const std::uint8_t* address) { return (address[0] & 1U) != 0; }
    std::size_t find(const std::uint8_t* address) const
    {
        std::size_t i = 0;
        while (i < count_ && std::memcmp(named_[i].data(), address, sizeof(Address)) != 0)
            ++i;
        return i;
    }

    std::array<Address, kMost> named_{};
    std::size_t count_{0};
    bool filters_{false};
};

// What a guest's extra-info slot asks of it.
struct MulticastChange {
    bool add{};
    MulticastFilter::Address address{};
};

} // namespace zocalo::net
