// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/extents.hpp"
#include "common/xen-build/pv_start.hpp"
#include "common/xen-build/pv_tables.hpp"
#include "toolstackd/build/build_kinds.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace zocalo::toolstack {
namespace {

using Frames = std::vector<std::uint64_t>;

// The guest's idea of how far it may balloon: one run of RAM (XENMEM_memory_map).
Outcome<Unit> set_memory_limit(XenPort& port, const BuildInput& input)
{
    const std::array<xen::MapEntry, 1> map{
        xen::MapEntry{0, input.maxpages << kPageShift, xen::MapType::ram}};
    return port.set_memory_map(input.id, map);
}

void fill_tables(const xen::PvPlan& plan, const Frames& p2m, const Window& window)
{
    for (std::uint64_t i = 0; i < plan.table_pages(); ++i) {
        const auto bytes = window.page(xen::table_pfn(plan, i));
        auto* entries = reinterpret_cast<std::uint64_t*>(bytes.data());
        xen::fill_table(plan, p2m, i, xen::PageTable{entries, xen::kTableEntries});
    }
}

void fill_p2m(const xen::PvPlan& plan, const Frames& p2m, const Window& window)
{
    const auto bytes = window.at(plan.p2m);
    const std::size_t used = p2m.size() * sizeof p2m[0];
    std::memcpy(bytes.data(), p2m.data(), used);
    std::memset(bytes.data() + used, 0xff, bytes.size() - used); // INVALID_P2M_ENTRY
}

// Events are masked until the guest has set its callbacks.
void reset_shared_info(std::span<std::byte> page)
{
    std::memset(page.data(), 0, page.size());
    auto* info = reinterpret_cast<shared_info*>(page.data());
    for (vcpu_info& vcpu : info->vcpu_info)
        vcpu.evtchn_upcall_mask = 1;
}

Outcome<Unit> write_pages(
    XenPort& port,
    const BuildInput& input,
    const xen::PvPlan& plan,
    const Frames& p2m,
    const BuiltDomain& built
)
{
    const Mfn shared = TRY(port.shared_info(input.id));
    const Pfn shared_at{p2m.size()}; // a name for it beyond all pfns
    Frames with_shared = p2m;
    with_shared.push_back(shared.value);

    Window window;
    window.add(plan.kernel, &p2m);
    window.add(plan.initrd, &p2m);
    window.add({plan.start_info.first, plan.tables.end() - plan.start_info.first}, &p2m);
    window.add({plan.p2m.first, plan.p2m.pages + plan.p2m_tables.pages}, &p2m);
    window.add({shared_at, 1}, &with_shared);
    TRY(window.open(port, input.id));

    TRY(load_segments(
        input.kernel,
        plan.kernel.first.value << kPageShift,
        plan.paddr_offset,
        window.at(plan.kernel)
    ));
    TRY(input.ramdisk.read(window.at(plan.initrd)));
    const xen::PvStart start{
        .shared_info_address = shared.value << kPageShift,
        .xenstore = {built.store_frame},
        .xenstore_port = built.store_port,
        .console = {built.console_frame},
        .console_port = built.console_port,
        .flags = 0,
        .command_line = input.spec.cmdline,
    };
    const auto info = window.page(plan.start_info.first);
    std::ranges::fill(info, std::byte{});
    xen::fill_start_info(plan, start, *reinterpret_cast<start_info*>(info.data()));
    std::ranges::fill(window.page(plan.xenstore.first), std::byte{});
    std::ranges::fill(window.page(plan.console.first), std::byte{});
    fill_tables(plan, p2m, window);
    fill_p2m(plan, p2m, window);
    reset_shared_info(window.page(shared_at));
    return Unit{};
}

// Only kernels older than 2025 have the note; newer ones make hypercalls without a page.
Outcome<Unit> fill_hypercall_page(
    XenPort& port, const BuildInput& input, const xen::PvPlan& plan, const Frames& p2m
)
{
    const auto va = input.kernel.image().notes.hypercall;
    if (!va)
        return Unit{};
    const std::uint64_t pfn = (*va - plan.virt_base) >> kPageShift;
    if (*va < plan.virt_base || *va % kPageSize != 0 || !plan.kernel.holds(Pfn{pfn}))
        return cannot_build(input.spec, xen::BuildFault::pv_hypercall_page_outside_kernel);
    return port.init_hypercall_page(input.id, p2m[pfn]);
}

} // namespace

Outcome<BuiltDomain> build_pv(XenPort& port, const BuildInput& input)
{
    const auto planned = xen::plan_pv(
        input.kernel.image(),
        {.pages = input.pages,
         .initrd_bytes = input.ramdisk.size(),
         .cmdline_bytes = input.spec.cmdline.size()}
    );
    if (!planned)
        return cannot_build(input.spec, planned.error());
    const xen::PvPlan& plan = *planned;

    TRY(set_memory_limit(port, input));
    Frames p2m(input.pages);
    TRY(populate_range(port, input.id, {Pfn{}, input.pages}, xen::kOrder2M, false, &p2m));
    BuiltDomain built = TRY(allocate_ports(port, input));
    built.store_frame = p2m[plan.xenstore.first.value];
    built.console_frame = p2m[plan.console.first.value];
    // Nothing may stay mapped here when the tables are pinned: a writable mapping refuses it.
    TRY(write_pages(port, input, plan, p2m, built));
    TRY(fill_hypercall_page(port, input, plan, p2m));
    const Mfn l4{p2m[plan.tables.first.value]};
    TRY(port.pin_l4(input.id, l4));
    vcpu_guest_context context{};
    xen::fill_vcpu_context(plan, l4, context);
    TRY(port.set_vcpu_context(input.id, context));
    return built;
}

} // namespace zocalo::toolstack
