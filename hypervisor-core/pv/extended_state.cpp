// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/pv/extended_state.hpp"

#include "hypervisor-core/domain/vcpu.hpp"

#include <algorithm>
#include <cstring>

namespace zocalo::hv::pv {
namespace {

constexpr std::uint16_t kControlWord = 0x37f;
constexpr std::uint32_t kMxcsr = 0x1f80;
// Set bits outside make loading fault. All 64-bit processors have denormals-are-zero, bit 6.
constexpr std::uint32_t kMxcsrBits = 0xffff;

// Follows the legacy part.
struct Header {
    std::uint64_t present{}; // XSTATE_BV; what is not there has its first value
    std::uint64_t compacted{};
    std::uint64_t reserved[6]{};
};
static_assert(sizeof(Header) == kHeaderBytes);

template <class T> T read_at(std::span<const std::byte> area, std::size_t at)
{
    T value;
    std::memcpy(&value, area.data() + at, sizeof(T));
    return value;
}

template <class T> void write_at(PvState& pv, std::size_t at, const T& value)
{
    std::memcpy(pv.fpu.data() + at, &value, sizeof(T));
}

} // namespace

void start_fpu(PvState& pv)
{
    pv.fpu.fill(std::byte{0});
    write_at(pv, 0, kControlWord);
    write_at(pv, kMxcsrAt, kMxcsr);
    write_at(pv, kLegacyBytes, Header{.present = kX87 | kSse});
    pv.xcr0 = pv.xcr0_ever = kX87;
}

void set_legacy_state(PvState& pv, std::span<const std::byte, kLegacyBytes> image)
{
    std::copy(image.begin(), image.end(), pv.fpu.begin());
    write_at(pv, kMxcsrAt, read_at<std::uint32_t>(image, kMxcsrAt) & kMxcsrBits);
    const auto header = read_at<Header>(pv.fpu, kLegacyBytes);
    write_at(pv, kLegacyBytes, Header{.present = header.present | kX87 | kSse});
}

Result<Unit> set_extended_state(
    PvState& pv, std::uint64_t xcr0, std::span<const std::byte> area, std::uint64_t supported
)
{
    if (!is_xcr0(xcr0, supported) || area.size() < kLegacyBytes + kHeaderBytes)
        return Errno::inval;
    const auto header = read_at<Header>(area, kLegacyBytes);
    const bool reserved =
        std::any_of(std::begin(header.reserved), std::end(header.reserved), [](auto word) {
            return word != 0;
        });
    if (header.compacted != 0 || reserved || (header.present & ~supported) != 0 ||
        area.size() < state_bytes(header.present) || area.size() > kMostStateBytes ||
        (read_at<std::uint32_t>(area, kMxcsrAt) & ~kMxcsrBits) != 0)
        return Errno::inval;
    std::copy(area.begin(), area.end(), pv.fpu.begin());
    pv.xcr0 = xcr0;
    pv.xcr0_ever |= xcr0 | header.present;
    return Unit{};
}

} // namespace zocalo::hv::pv
