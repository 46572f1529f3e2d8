// SPDX-License-Identifier: Apache-2.0
// An ordinary domain on the fake machine, which makes hypercalls that a fuzzer chose, and what must
// hold whatever it asks for: counts that agree with the page tables, and no frame lost when it has
// ended.
#pragma once

#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/domain/destroy.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hypercall/call.hpp"
#include "hypervisor-core/mm/audit.hpp"

#include <xen/xen.h>

#include <cstdlib>
#include <memory>
#include <vector>

namespace zocalo::hv {

struct HostileGuest {
    static constexpr unsigned kPages = 24;

    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    std::vector<std::uint32_t> counts = std::vector<std::uint32_t>(FakeMachine::kFrames);
    std::unique_ptr<System> system = std::make_unique<System>();
    Domain* guest{};
    std::uint64_t free{};
    std::vector<Mfn> pages; // the guest's; the first four are its tables, from the root down

    HostileGuest()
    {
        fake_machine().reset();
        system->memory.start(infos, m2p);
        system->memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        static_cast<void>(*create_domain(*system, kDom0, 1));
        free = system->memory.buddy().free_frames();
        guest = *create_domain(*system, DomId{1}, 2);
        guest->memory.limit = kPages + 8;
        guest->grants.start(guest->id, 2);
        guest->mappings.start(2);
        for (unsigned id = 0; id < 2; ++id)
            static_cast<void>(create_vcpu(*system, *guest, id, 0));
        static_cast<void>(guest->grants.grow(system->memory, 1));
        for (unsigned i = 0; i < kPages; ++i)
            pages.push_back(*system->memory.allocate_for(guest->memory, 0));
        make_tables();
        guest->vcpus[0]->initialised = true;
    }

    void make_tables()
    {
        for (unsigned i = 0; i < 3; ++i)
            hal::table_entries(pages[i])[0] = Pte::make(pages[i + 1], 7).raw;
        static_cast<void>(system->tables.get_table(pages[0], 4, guest->rights()));
        guest->vcpus[0]->pv.kernel_table = pages[0];
    }

    void call(std::uint64_t number, std::array<std::uint64_t, 5> arguments)
    {
        call_as(*guest->vcpus[0], number, arguments);
    }

    void call_as(Vcpu& caller, std::uint64_t number, std::array<std::uint64_t, 5> arguments)
    {
        for (unsigned turn = 0; turn < 64; ++turn) {
            TrapFrame frame{};
            frame.rsp = FakeMachine::kGuestStart;
            Call made{*system, caller, frame, number, arguments};
            const Answer answer = dispatch(made);
            if (answer.kind() != Answer::Kind::again)
                return;
            arguments = answer.arguments();
        }
    }

    void check()
    {
        if (audit(system->memory, counts))
            std::abort();
    }

    // The end of the domain gives back all it had.
    void finish()
    {
        check();
        while (!destroy_step(*system, *guest)) {
        }
        if (system->domain(DomId{1}) != nullptr || system->memory.buddy().free_frames() != free)
            std::abort();
    }
};

} // namespace zocalo::hv
