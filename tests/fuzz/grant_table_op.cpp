// SPDX-License-Identifier: Apache-2.0
// The grant hypercall with arguments, lists and shared entries that a hostile domain chose.
// Whatever it asks for: nothing stays in use that no handle accounts for, and the frames' counts
// stay sane.
#include "hypervisor-core/arch/fake/fake_machine.hpp"
#include "hypervisor-core/domain/destroy.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/hal/memory.hpp"
#include "hypervisor-core/hypercall/call.hpp"

#include <xen/grant_table.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace zocalo::hv {
namespace {

struct Machine {
    std::vector<FrameInfo> infos = std::vector<FrameInfo>(FakeMachine::kFrames);
    std::vector<std::uint64_t> m2p = std::vector<std::uint64_t>(FakeMachine::kFrames);
    std::unique_ptr<System> system = std::make_unique<System>();
    Domain* guest{};
    std::uint64_t free{};

    Machine()
    {
        fake_machine().reset();
        system->memory.start(infos, m2p);
        system->memory.add_free(Mfn{1}, FakeMachine::kFrames - 1);
        static_cast<void>(*create_domain(*system, kDom0, 1));
        free = system->memory.buddy().free_frames();
        guest = *create_domain(*system, DomId{1}, 1);
        guest->memory.limit = 16;
        guest->grants.start(guest->id, 2);
        guest->mappings.start(2);
        static_cast<void>(*create_vcpu(*system, *guest, 0, 0));
        static_cast<void>(guest->grants.grow(system->memory, 1));
        static_cast<void>(system->memory.allocate_for(guest->memory, 2));
        make_tables();
    }
    void make_tables()
    {
        std::array<Mfn, 4> levels{};
        for (Mfn& level : levels)
            level = *system->memory.allocate_for(guest->memory, 0);
        for (unsigned i = 0; i < 3; ++i)
            hal::table_entries(levels[i])[0] = Pte::make(levels[i + 1], 7).raw;
        static_cast<void>(system->tables.get_table(levels[0], 4, guest->rights()));
        guest->vcpus[0]->pv.kernel_table = levels[0];
    }
    void call(std::uint64_t operation, std::uint64_t count)
    {
        std::array<std::uint64_t, 5> arguments{operation, FakeMachine::kGuestStart, count};
        for (unsigned turn = 0; turn < 64; ++turn) {
            TrapFrame frame{};
            Call made{*system, *guest->vcpus[0], frame, __HYPERVISOR_grant_table_op, arguments};
            const Answer answer = dispatch(made);
            if (answer.kind() != Answer::Kind::again)
                return;
            arguments = answer.arguments();
        }
    }
};

} // namespace
} // namespace zocalo::hv

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace zocalo::hv;
    Machine machine;
    // Records: operation, count, then 126 bytes for the list; the first also fill the shared table.
    constexpr std::size_t kRecord = 128;
    auto* const shared = hal::frame_bytes(machine.guest->grants.frame(0));
    std::memcpy(shared, data, size < 256 ? size : 256);
    for (std::size_t at = 0; at + kRecord <= size && at < 32 * kRecord; at += kRecord) {
        std::memcpy(fake_machine().guest.data(), data + at + 2, kRecord - 2);
        machine.call(data[at] % 16, data[at + 1]);
    }
    while (!destroy_step(*machine.system, *machine.guest)) {
    }
    // Its own grants it let go of as it died: nothing may be left.
    if (machine.system->domain(zocalo::DomId{1}) != nullptr ||
        machine.system->memory.buddy().free_frames() != machine.free)
        std::abort();
    return 0;
}
