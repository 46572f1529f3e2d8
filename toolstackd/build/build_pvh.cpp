// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/acpi_tables.hpp"
#include "common/xen-build/cpu_topology.hpp"
#include "common/xen-build/extents.hpp"
#include "common/xen-build/pvh_start.hpp"
#include "toolstackd/build/build_kinds.hpp"

#include <xen/hvm/params.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace zocalo::toolstack {
namespace {

constexpr Pfn kFourGiB{std::uint64_t{1} << (32 - kPageShift)};

constexpr xen::PfnRange pages_of(xen::PhysRange range)
{
    const std::uint64_t first = range.address >> kPageShift;
    const std::uint64_t end = (range.end() + kPageSize - 1) >> kPageShift;
    return {Pfn{first}, range.bytes == 0 ? 0 : end - first};
}

constexpr xen::PfnRange one(Gfn gfn)
{
    return {Pfn{gfn.value}, 1};
}

Outcome<Unit> populate(XenPort& port, const BuildInput& input, const xen::PvhPlan& plan)
{
    const bool on_demand = input.maxpages > input.pages;
    if (on_demand)
        TRY(port.set_pod_target(input.id, input.pages));
    for (const xen::PfnRange ram : {
             xen::PfnRange{Pfn{}, plan.low_pages},
             xen::PfnRange{kFourGiB, plan.high_pages},
         })
        TRY(populate_range(port, input.id, ram, xen::kOrder1G, on_demand, nullptr));
    std::vector<std::uint64_t> extra;
    const xen::PfnRange acpi = pages_of(plan.acpi);
    for (std::uint64_t i = 0; i < acpi.pages; ++i)
        extra.push_back((acpi.first + i).value);
    for (const Gfn gfn : {plan.kXenstore, plan.kIdentityMap, plan.kConsole})
        extra.push_back(gfn.value);
    const std::size_t count = TRY(port.populate(input.id, xen::kOrder4K, false, extra));
    if (count != extra.size())
        return Error{
            Code::failed,
            "not enough free memory on the host for the guest's special pages",
            "free some memory; `zl info` shows what is free"};
    return Unit{};
}

Outcome<Unit> write_pages(XenPort& port, const BuildInput& input, const xen::PvhPlan& plan)
{
    const xen::PfnRange kernel = pages_of(plan.kernel);
    const xen::PfnRange initrd = pages_of(plan.initrd);
    Window window;
    window.add(kernel);
    window.add(pages_of(plan.start_info));
    window.add(initrd);
    window.add(pages_of(plan.acpi));
    for (const Gfn gfn : {plan.kXenstore, plan.kIdentityMap, plan.kConsole})
        window.add(one(gfn));
    TRY(window.open(port, input.id));

    TRY(load_segments(input.kernel, kernel.first.value << kPageShift, 0, window.at(kernel)));
    TRY(input.ramdisk.read(window.at(initrd)));
    xen::fill_boot_information(
        plan, input.spec.cmdline, window.at(pages_of(plan.start_info)).first(plan.start_info.bytes)
    );
    xen::fill_acpi(
        plan.acpi.address, plan.vcpus, window.at(pages_of(plan.acpi)).first(plan.acpi.bytes)
    );
    auto* identity = reinterpret_cast<std::uint32_t*>(window.at(one(plan.kIdentityMap)).data());
    xen::fill_identity_map(std::span<std::uint32_t, 1024>{identity, 1024});
    std::ranges::fill(window.at(one(plan.kXenstore)), std::byte{});
    std::ranges::fill(window.at(one(plan.kConsole)), std::byte{});
    return Unit{};
}

Outcome<Unit> set_params(XenPort& port, DomId id, const BuiltDomain& built)
{
    const struct {
        std::uint32_t param;
        std::uint64_t value;
    } rows[] = {
        {HVM_PARAM_STORE_PFN, built.store_frame},
        {HVM_PARAM_STORE_EVTCHN, built.store_port.value},
        {HVM_PARAM_CONSOLE_PFN, built.console_frame},
        {HVM_PARAM_CONSOLE_EVTCHN, built.console_port.value},
        {HVM_PARAM_IDENT_PT, xen::PvhPlan::kIdentityMap.value << kPageShift},
        {HVM_PARAM_TIMER_MODE, HVMPTM_no_delay_for_missed_ticks},
    };
    for (const auto& row : rows)
        TRY(port.set_hvm_param(id, row.param, row.value));
    return Unit{};
}

// What CPUID says of packages and cores, in step with the APIC ids.
Outcome<Unit> set_topology(XenPort& port, DomId id)
{
    auto leaves = TRY(port.cpuid_leaves(id));
    const std::size_t changed = xen::space_out_apic_ids(leaves);
    if (changed == 0)
        return Unit{};
    return port.set_cpuid_leaves(id, std::span{leaves}.first(changed));
}

// Save records, as XEN_DOMCTL_sethvmcontext takes them: descriptor and body, one after the other.
class Records {
  public:
    void add(std::uint16_t type, std::uint16_t instance, std::span<const std::byte> body)
    {
        const hvm_save_descriptor head{type, instance, static_cast<std::uint32_t>(body.size())};
        const auto bytes = std::as_bytes(std::span{&head, 1});
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        bytes_.insert(bytes_.end(), body.begin(), body.end());
    }
    std::span<std::byte> bytes() { return bytes_; }

  private:
    std::vector<std::byte> bytes_;
};

// The body of the first record of that type and exactly that size.
std::optional<std::span<const std::byte>>
find_record(std::span<const std::byte> records, std::uint16_t type, std::size_t size)
{
    hvm_save_descriptor head{};
    while (records.size() >= sizeof head) {
        std::memcpy(&head, records.data(), sizeof head);
        records = records.subspan(sizeof head);
        if (head.length > records.size())
            break;
        if (head.typecode == type && head.length == size)
            return records.first(size);
        records = records.subspan(head.length);
    }
    return std::nullopt;
}

// The header must be the hypervisor's own; of the rest only vCPU 0 and the memory types are ours.
Outcome<Unit> set_vcpus(XenPort& port, DomId id, const xen::PvhPlan& plan)
{
    const auto current = TRY(port.hvm_context(id));
    constexpr auto kHeader = static_cast<std::uint16_t>(HVM_SAVE_CODE(HEADER));
    constexpr auto kCpu = static_cast<std::uint16_t>(HVM_SAVE_CODE(CPU));
    constexpr auto kMtrr = static_cast<std::uint16_t>(HVM_SAVE_CODE(MTRR));
    const auto header = find_record(current, kHeader, HVM_SAVE_LENGTH(HEADER));
    const auto memory_types = find_record(current, kMtrr, HVM_SAVE_LENGTH(MTRR));
    if (!header || !memory_types)
        return Error{
            Code::failed,
            "domain " + std::to_string(id.value) + ": the hypervisor's vCPU state lacks its header",
            "check that the tools match the running Xen"};
    Records records;
    records.add(kHeader, 0, *header);
    hvm_hw_cpu cpu{};
    xen::fill_first_vcpu(plan, cpu);
    records.add(kCpu, 0, std::as_bytes(std::span{&cpu, 1}));
    hvm_hw_mtrr mtrr{};
    std::memcpy(&mtrr, memory_types->data(), sizeof mtrr);
    xen::enable_write_back(mtrr);
    for (unsigned vcpu = 0; vcpu < plan.vcpus; ++vcpu)
        records.add(kMtrr, static_cast<std::uint16_t>(vcpu), std::as_bytes(std::span{&mtrr, 1}));
    records.add(0, 0, {}); // HVM_SAVE_CODE(END)
    return port.set_hvm_context(id, records.bytes());
}

} // namespace

Outcome<BuiltDomain> build_pvh(XenPort& port, const BuildInput& input)
{
    const auto planned = xen::plan_pvh(
        input.kernel.image(),
        {.pages = input.maxpages,
         .vcpus = input.spec.maxvcpus,
         .initrd_bytes = input.ramdisk.size(),
         .cmdline_bytes = input.spec.cmdline.size()}
    );
    if (!planned)
        return cannot_build(input.spec, planned.error());
    const xen::PvhPlan& plan = *planned;

    TRY(set_topology(port, input.id));
    TRY(port.set_memory_map(input.id, plan.memory_map()));
    TRY(populate(port, input, plan));
    BuiltDomain built = TRY(allocate_ports(port, input));
    built.store_frame = plan.kXenstore.value;
    built.console_frame = plan.kConsole.value;
    TRY(write_pages(port, input, plan));
    TRY(set_params(port, input.id, built));
    TRY(set_vcpus(port, input.id, plan));
    return built;
}

} // namespace zocalo::toolstack
