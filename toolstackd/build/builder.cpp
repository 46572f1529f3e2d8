// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/builder.hpp"

#include "toolstackd/build/build_kinds.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

constexpr std::uint64_t kPagesPerMib = (1 << 20) / kPageSize;
constexpr std::uint64_t kMaxMib = 16ULL << 20; // 16 TiB
constexpr unsigned kMaxPvVcpus = 512;
// Above the guest's RAM: ACPI tables, rings and what Xen accounts to a domain besides.
constexpr std::uint64_t kSlackKib = 1024;

std::uint64_t maxmem(const GuestSpec& spec)
{
    return spec.maxmem_mib == 0 ? spec.memory_mib : spec.maxmem_mib;
}

// libxl's rule, so that a guest that fits with xl fits here: 1 MiB per vCPU and 8 KiB per MiB of
// RAM.
std::uint64_t paging_pool_bytes(const GuestSpec& spec)
{
    const std::uint64_t kib = 4 * (256ULL * spec.maxvcpus + 2 * maxmem(spec));
    return ((kib + 1023) / 1024) << 20;
}

Outcome<Unit> set_limits(XenPort& port, const GuestSpec& spec, DomId id)
{
    TRY(port.set_max_vcpus(id, spec.maxvcpus));
    TRY(port.set_max_memory(id, spec.memory_mib * 1024 + kSlackKib));
    TRY(port.set_tsc_mode(id, static_cast<std::uint32_t>(spec.tsc)));
    if (spec.pvh)
        TRY(port.set_paging_pool(id, paging_pool_bytes(spec)));
    return Unit{};
}

} // namespace

Error cannot_build(const GuestSpec& spec, xen::BuildFault fault)
{
    return {Code::usage, "kernel " + spec.kernel + ": " + xen::describe(fault), ""};
}

Outcome<Unit> check(const GuestSpec& spec)
{
    const unsigned most = spec.pvh ? xen::PvhPlan::kMaxVcpus : kMaxPvVcpus;
    if (spec.kernel.empty())
        return Error{Code::usage, "the domain has no kernel", "set `kernel=`"};
    if (spec.maxvcpus == 0 || spec.maxvcpus > most)
        return Error{
            Code::usage,
            "maxvcpus is " + std::to_string(spec.maxvcpus) + ", but must be 1 to " +
                std::to_string(most),
            "set `vcpus=` and `maxvcpus=`"};
    if (spec.memory_mib == 0 || maxmem(spec) < spec.memory_mib || maxmem(spec) > kMaxMib)
        return Error{
            Code::usage,
            "memory is " + std::to_string(spec.memory_mib) + " MiB and maxmem " +
                std::to_string(maxmem(spec)) + " MiB: memory must be at least 1, maxmem at least " +
                "memory and at most 16 TiB",
            "set `memory=` and `maxmem=`"};
    return Unit{};
}

Outcome<DomId> create_domain(XenPort& port, const GuestSpec& spec)
{
    TRY(check(spec));
    const DomId id = TRY(port.create({
        .handle = spec.uuid,
        .hvm = spec.pvh,
        .max_vcpus = spec.maxvcpus,
        .max_event_channels = spec.max_event_channels,
        .max_grant_frames = spec.max_grant_frames,
        .max_maptrack_frames = spec.max_maptrack_frames,
    }));
    if (auto limits = set_limits(port, spec, id); !limits) {
        (void)port.destroy(id); // the first error is the one to tell
        return limits.error();
    }
    return id;
}

Outcome<BuiltDomain> allocate_ports(XenPort& port, const BuildInput& input)
{
    BuiltDomain built;
    built.store_port = TRY(port.alloc_unbound(input.id, input.spec.store_domain));
    built.console_port = TRY(port.alloc_unbound(input.id, input.spec.console_domain));
    return built;
}

Outcome<BuiltDomain>
build_domain(XenPort& port, KernelStore& kernels, DomId id, const GuestSpec& spec)
{
    TRY(check(spec));
    const auto kernel = TRY(kernels.load(spec.kernel));
    const Ramdisk ramdisk = TRY(Ramdisk::open(spec.ramdisk));
    const BuildInput input{
        .id = id,
        .spec = spec,
        .kernel = *kernel,
        .ramdisk = ramdisk,
        .pages = spec.memory_mib * kPagesPerMib,
        .maxpages = maxmem(spec) * kPagesPerMib,
    };
    const BuiltDomain built = spec.pvh ? TRY(build_pvh(port, input)) : TRY(build_pv(port, input));
    TRY(seed_grants(
        port, id, built.store_frame, spec.store_domain, built.console_frame, spec.console_domain
    ));
    return built;
}

} // namespace zocalo::toolstack
