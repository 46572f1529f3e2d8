// SPDX-License-Identifier: Apache-2.0
// A system on the fake machine with dom0 in it, and hypercalls made by its first vCPU (or
// another's) with structures in the fake guest memory. For tests of hypercall/; knows no particular
// call.
#pragma once

#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hypercall/call.hpp"

#include <gtest/gtest.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

#include <cstring>
#include <memory>
#include <optional>
#include <vector>

namespace zocalo::hv {

struct SystemFixture : testing::Test {
    static constexpr std::uint64_t kArgument = FakeMachine::kGuestStart;
    static constexpr std::uint64_t kBuffer = FakeMachine::kGuestStart + 0x4000;
    static constexpr std::uint64_t kWild = 0xdead0000;

    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    std::unique_ptr<System> owned = std::make_unique<System>();
    System& system = *owned;
    Domain* dom0{};
    Vcpu* caller{}; // who makes the calls

    SystemFixture()
    {
        fake_machine().reset();
        system.memory.start(infos, m2p);
        system.memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        system.tsc_hertz = 2'000'000'000;
        dom0 = *create_domain(system, kDom0, 2);
        dom0->privileged = true;
        dom0->memory.limit = 512;
        caller = *create_vcpu(system, *dom0, 0, 0);
    }

    template <class T> static void put(std::uint64_t address, const T& value)
    {
        std::memcpy(fake_machine().guest_bytes(address), &value, sizeof(value));
    }
    template <class T> static T get(std::uint64_t address)
    {
        T value;
        std::memcpy(&value, fake_machine().guest_bytes(address), sizeof(value));
        return value;
    }
    template <class Handle> static void point(Handle& handle, std::uint64_t address)
    {
        handle.p = reinterpret_cast<decltype(handle.p)>(address);
    }

    // Makes the call up to so many times, as long as it asks to be continued; nothing: it still
    // does.
    std::optional<std::int64_t>
    make_some(std::uint64_t number, std::array<std::uint64_t, 5> arguments, unsigned turns)
    {
        for (unsigned turn = 0; turn < turns; ++turn) {
            TrapFrame frame{};
            Call call{system, *caller, frame, number, arguments};
            const Answer answer = dispatch(call);
            if (answer.kind() != Answer::Kind::again)
                return answer.value();
            arguments = answer.arguments();
        }
        return std::nullopt;
    }
    // To its end.
    std::int64_t make(std::uint64_t number, std::array<std::uint64_t, 5> arguments)
    {
        constexpr unsigned kTurns = 10'000;
        const auto answer = make_some(number, arguments, kTurns);
        EXPECT_TRUE(answer) << "the call never ends";
        return answer.value_or(0);
    }
    std::int64_t domctl(xen_domctl& op, std::uint32_t cmd, std::uint16_t domain)
    {
        op.cmd = cmd;
        op.domain = domain;
        op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
        put(kArgument, op);
        const std::int64_t answer = make(__HYPERVISOR_domctl, {kArgument});
        op = get<xen_domctl>(kArgument);
        return answer;
    }
    std::int64_t sysctl(xen_sysctl& op, std::uint32_t cmd)
    {
        op.cmd = cmd;
        op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
        put(kArgument, op);
        const std::int64_t answer = make(__HYPERVISOR_sysctl, {kArgument});
        op = get<xen_sysctl>(kArgument);
        return answer;
    }
    // A paused domain with its vCPUs, as the tools make one; its number.
    std::uint16_t new_domain(std::uint32_t vcpus = 2)
    {
        xen_domctl op{};
        op.u.createdomain.max_vcpus = vcpus;
        op.u.createdomain.max_evtchn_port = ~0U;
        op.u.createdomain.max_grant_frames = 4;
        op.u.createdomain.max_maptrack_frames = 4;
        op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(2);
        EXPECT_EQ(domctl(op, XEN_DOMCTL_createdomain, 0), 0);
        const std::uint16_t id = op.domain;
        op.u.max_vcpus.max = vcpus;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_max_vcpus, id), 0);
        op.u.max_mem.max_memkb = 400;
        EXPECT_EQ(domctl(op, XEN_DOMCTL_max_mem, id), 0);
        return id;
    }
    Domain& domain(std::uint16_t id) { return *system.domain(DomId{id}); }
    std::uint64_t free_frames() const { return system.memory.buddy().free_frames(); }
};

constexpr std::int64_t minus(Errno error)
{
    return -static_cast<std::int64_t>(error);
}

} // namespace zocalo::hv
