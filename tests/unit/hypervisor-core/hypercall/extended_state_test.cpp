// SPDX-License-Identifier: Apache-2.0
// XSAVE and AVX as a guest and the tools meet them; the fake processor's CPUID is all ones.
#include "hypervisor-core/pv/cpuid.hpp"
#include "hypervisor-core/pv/emulate.hpp"
#include "hypervisor-core/pv/extended_state.hpp"
#include "tests/unit/hypervisor-core/hypercall/system_fixture.hpp"

namespace zocalo::hv {
namespace {

constexpr std::uint64_t kAll = pv::kX87 | pv::kSse | pv::kAvx;
constexpr std::uint32_t kXsave = 1U << 26, kOsXsave = 1U << 27, kAvxBit = 1U << 28;
constexpr std::size_t kStart = 16; // XCR0 and what was ever in it

struct ExtendedStateTest : SystemFixture {
    const std::uint16_t id = new_domain();
    Vcpu& vcpu = *domain(id).vcpus[0];
    xen_domctl op{};

    ExtendedStateTest() { fake_machine().extended_features = kAll; }

    bool run(std::vector<std::uint8_t> bytes, TrapFrame& frame)
    {
        std::memcpy(fake_machine().guest_bytes(kBuffer), bytes.data(), bytes.size());
        frame.rip = kBuffer;
        return pv::emulate_privileged(system, vcpu, frame);
    }
    bool xsetbv(std::uint64_t value, std::uint64_t index = 0)
    {
        TrapFrame frame{};
        frame.rax = value & 0xffffffff;
        frame.rdx = value >> 32;
        frame.rcx = index;
        return run({0x0f, 0x01, 0xd1}, frame);
    }
    bool write_cr4(std::uint64_t value)
    {
        TrapFrame frame{};
        frame.rax = value;
        return run({0x0f, 0x22, 0xe0}, frame);
    }
    TrapFrame cpuid(std::uint32_t leaf)
    {
        TrapFrame frame{};
        frame.rax = leaf;
        EXPECT_TRUE(run({0x0f, 0xa2}, frame));
        return frame;
    }
    std::int64_t get_state(std::uint64_t size, std::uint64_t mask)
    {
        op = {};
        op.u.vcpuextstate.size = size;
        op.u.vcpuextstate.xfeature_mask = mask;
        point(op.u.vcpuextstate.buffer, kBuffer);
        return domctl(op, XEN_DOMCTL_getvcpuextstate, id);
    }
    std::int64_t set_state(std::uint64_t size)
    {
        op = {};
        op.u.vcpuextstate.size = size;
        op.u.vcpuextstate.xfeature_mask = kAll;
        point(op.u.vcpuextstate.buffer, kBuffer);
        return domctl(op, XEN_DOMCTL_setvcpuextstate, id);
    }
};

TEST_F(ExtendedStateTest, TheKernelSwitchesOnWhatThereIsAndNothingElse)
{
    EXPECT_FALSE(xsetbv(pv::kX87)) << "CR4.OSXSAVE is clear";
    ASSERT_TRUE(write_cr4(pv::kCr4OsXsave));
    for (const std::uint64_t bad : {0ULL, 2ULL, 5ULL, 6ULL, 0xfULL, 1ULL << 63 | 3, ~0ULL})
        EXPECT_FALSE(xsetbv(bad)) << bad;
    EXPECT_FALSE(xsetbv(kAll, 1));
    EXPECT_EQ(vcpu.pv.xcr0, pv::kX87);
    ASSERT_TRUE(xsetbv(kAll));
    EXPECT_EQ(vcpu.pv.xcr0, kAll);
    EXPECT_EQ(fake_machine().xcr0, kAll);
    ASSERT_TRUE(xsetbv(pv::kX87 | pv::kSse));
    EXPECT_EQ(vcpu.pv.xcr0_ever, kAll);
    vcpu.pv.in_kernel = false;
    EXPECT_FALSE(xsetbv(kAll));
}

TEST_F(ExtendedStateTest, CpuidShowsWhatIsSwitchedOn)
{
    EXPECT_EQ(cpuid(1).rcx & (kXsave | kAvxBit | kOsXsave), kXsave | kAvxBit);
    EXPECT_EQ(cpuid(0xd).rax, kAll);
    EXPECT_EQ(cpuid(0xd).rbx, pv::state_bytes(pv::kX87));
    EXPECT_EQ(cpuid(0xd).rcx, pv::kMostStateBytes);
    ASSERT_TRUE(write_cr4(pv::kCr4OsXsave));
    ASSERT_TRUE(xsetbv(kAll));
    EXPECT_NE(cpuid(1).rcx & kOsXsave, 0U);
    EXPECT_EQ(cpuid(0xd).rbx, pv::kMostStateBytes);
}

TEST_F(ExtendedStateTest, WhoAsksByNameIsToldThatItMayBeUsed)
{
    const std::array<std::uint8_t, 7> forced{0x0f, 0x0b, 0x78, 0x65, 0x6e, 0x0f, 0xa2};
    put(kBuffer, forced);
    TrapFrame frame{};
    frame.rip = kBuffer;
    frame.rax = 1;
    ASSERT_TRUE(pv::emulate_forced_cpuid(system, vcpu, frame));
    EXPECT_NE(frame.rcx & kOsXsave, 0U);
    vcpu.pv.in_kernel = false;
    frame = {};
    frame.rip = kBuffer;
    frame.rax = 1;
    ASSERT_TRUE(pv::emulate_forced_cpuid(system, vcpu, frame));
    EXPECT_EQ(frame.rcx & kOsXsave, 0U);
}

TEST_F(ExtendedStateTest, AMachineWithoutItOffersNothing)
{
    fake_machine().extended_features = 0;
    EXPECT_EQ(cpuid(1).rcx & (kXsave | kAvxBit | kOsXsave), 0U);
    EXPECT_EQ(cpuid(7).rbx & (1U << 5), 0U) << "AVX2";
    EXPECT_EQ(cpuid(0xd).rax, 0U);
    ASSERT_TRUE(write_cr4(pv::kCr4OsXsave)) << "ignored, as other bits are";
    EXPECT_EQ(vcpu.pv.cr4, 0U);
    EXPECT_FALSE(xsetbv(pv::kX87));
    EXPECT_EQ(get_state(0, 0), 0);
    EXPECT_EQ(op.u.vcpuextstate.size, 0U);
    EXPECT_EQ(set_state(kStart + pv::kMostStateBytes), minus(Errno::opnotsupp));
}

TEST_F(ExtendedStateTest, TheToolsMoveTheStateToAnotherVcpu)
{
    vcpu.pv.xcr0 = vcpu.pv.xcr0_ever = kAll;
    vcpu.pv.fpu[pv::kMostStateBytes - 1] = std::byte{0x5a};
    vcpu.pv.fpu[pv::kLegacyBytes] = std::byte{7}; // all three are present
    ASSERT_EQ(get_state(0, 0), 0);
    const std::uint64_t size = op.u.vcpuextstate.size;
    EXPECT_EQ(size, kStart + pv::kMostStateBytes);
    EXPECT_EQ(op.u.vcpuextstate.xfeature_mask, kAll);
    EXPECT_EQ(get_state(size - 1, kAll), minus(Errno::inval));
    EXPECT_EQ(get_state(size, kAll + 8), minus(Errno::inval));
    ASSERT_EQ(get_state(size, kAll), 0);

    vcpu.pv.fpu.fill(std::byte{0});
    vcpu.pv.xcr0 = pv::kX87;
    ASSERT_EQ(set_state(size), 0);
    EXPECT_EQ(vcpu.pv.xcr0, kAll);
    EXPECT_EQ(vcpu.pv.fpu[pv::kMostStateBytes - 1], std::byte{0x5a});
}

// XRSTOR faults in the hypervisor on any of these.
TEST_F(ExtendedStateTest, AreasThatCannotBeLoadedAreRefused)
{
    const std::size_t size = kStart + pv::kMostStateBytes;
    const auto refused = [&](std::size_t at, std::uint64_t value, std::size_t bytes) {
        std::memset(fake_machine().guest_bytes(kBuffer), 0, size);
        put(kBuffer, kAll);
        put(kBuffer + at, value);
        return set_state(bytes) == minus(Errno::inval);
    };
    constexpr std::size_t kHeader = kStart + pv::kLegacyBytes;
    EXPECT_FALSE(refused(kHeader, kAll, size));
    EXPECT_TRUE(refused(0, 2, size)) << "XCR0 without the FPU";
    EXPECT_TRUE(refused(0, kAll | 0xe0, size)) << "AVX-512";
    EXPECT_TRUE(refused(kHeader, kAll | 8, size)) << "a feature that is not there";
    EXPECT_TRUE(refused(kHeader + 8, 1ULL << 63, size)) << "the compact form";
    for (std::size_t at = 16; at < pv::kHeaderBytes; at += 8)
        EXPECT_TRUE(refused(kHeader + at, 1, size)) << at;
    EXPECT_TRUE(refused(kStart + pv::kMxcsrAt, 0x10000, size)) << "MXCSR";
    EXPECT_TRUE(refused(kHeader, kAll, size - 1)) << "too short for AVX";
    EXPECT_TRUE(refused(kHeader, kAll, kStart + 100));
    EXPECT_TRUE(refused(kHeader, kAll, size + 1));
    EXPECT_TRUE(refused(kHeader, kAll, kStart - 1));
    EXPECT_TRUE(refused(kHeader, kAll, 1 << 30));
    EXPECT_EQ(domctl(op, XEN_DOMCTL_setvcpuextstate, 0), minus(Errno::perm)) << "dom0's own";
}

// Class: a guest that makes the hypervisor fault (FXRSTOR with reserved bits).
TEST_F(ExtendedStateTest, ReservedBitsOfAnImageAreNotLoaded)
{
    std::array<std::byte, pv::kLegacyBytes> image{};
    image.fill(std::byte{0xff});
    pv::set_legacy_state(vcpu.pv, image);
    std::uint32_t mxcsr = 0;
    std::memcpy(&mxcsr, vcpu.pv.fpu.data() + pv::kMxcsrAt, sizeof(mxcsr));
    EXPECT_EQ(mxcsr, 0xffffU);
    EXPECT_EQ(vcpu.pv.fpu[pv::kLegacyBytes], std::byte{3});
    EXPECT_EQ(vcpu.pv.fpu[pv::kLegacyBytes + 8], std::byte{0});
}

} // namespace
} // namespace zocalo::hv
