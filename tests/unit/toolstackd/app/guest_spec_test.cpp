// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/guest_spec.hpp"

#include <gtest/gtest.h>

namespace zocalo::toolstack {
namespace {

TEST(GuestSpec, TakesOverWhatTheBuilderNeeds)
{
    rpc::DomainConfig config;
    config.type = rpc::GuestType::pvh;
    config.kernel = "/boot/vmlinuz";
    config.ramdisk = "/boot/initrd";
    config.cmdline = "console=hvc0";
    config.memory_mib = 256;
    config.maxmem_mib = 512;
    config.vcpus = 2;
    config.maxvcpus = 4;
    config.max_grant_frames = 32;
    config.tsc_mode = rpc::TscMode::always_emulate;
    const auto uuid = rpc::parse_uuid("01234567-89ab-cdef-0123-456789abcdef").value();
    const auto spec = spec_of(uuid, config);
    ASSERT_TRUE(spec);
    EXPECT_TRUE(spec->pvh);
    EXPECT_EQ(spec->kernel, "/boot/vmlinuz");
    EXPECT_EQ(spec->ramdisk, "/boot/initrd");
    EXPECT_EQ(spec->cmdline, "console=hvc0");
    EXPECT_EQ(spec->memory_mib, 256u);
    EXPECT_EQ(spec->maxmem_mib, 512u);
    EXPECT_EQ(spec->maxvcpus, 4u);
    EXPECT_EQ(spec->uuid, uuid.bytes);
    EXPECT_EQ(spec->max_grant_frames, 32u);
    EXPECT_EQ(spec->tsc, TscMode::emulate);
}

TEST(GuestSpec, HvmIsRefusedWithTheWayOut)
{
    rpc::DomainConfig config;
    config.type = rpc::GuestType::hvm;
    const auto spec = spec_of(rpc::Uuid{}, config);
    ASSERT_FALSE(spec);
    EXPECT_EQ(spec.error().code, Code::unsupported);
    EXPECT_NE(spec.error().next.find("pvh"), std::string::npos);
}

} // namespace
} // namespace zocalo::toolstack
