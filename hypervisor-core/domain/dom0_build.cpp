// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/domain/dom0_build.hpp"

#include "common/xen-build/bzimage.hpp"
#include "common/xen-build/pv_start.hpp"
#include "common/xen-build/pv_tables.hpp"
#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/domain/life.hpp"
#include "hypervisor-core/domain/pv_context.hpp"
#include "hypervisor-core/hal/memory.hpp"

#include <bit>
#include <cstring>

namespace zocalo::hv {
namespace {

template <class T> using Built = Result<T, Dom0Fault>;

constexpr std::string_view kGiveKernel =
    "give a Linux vmlinux with CONFIG_XEN_PV as the first boot module";
constexpr std::string_view kGiveMemory = "give the machine more memory, or change dom0_mem=";
constexpr Dom0Fault kNoMemory{"there is too little memory for it", kGiveMemory};

// What is being put together.
struct Build {
    System& system;
    Domain& domain;
    xen::PvPlan plan;
    std::span<std::uint64_t> mfns; // by pfn

    Mfn mfn(Pfn pfn) const { return Mfn{mfns[pfn.value]}; }
    std::byte* bytes(Pfn pfn) const { return hal::frame_bytes(mfn(pfn)); }
};

std::span<const std::byte> bytes_of(const BootModule& module)
{
    return {hal::machine_bytes(module.start), module.end - module.start};
}

// Memory in the largest pieces there are, so that dom0's devices find contiguous buffers.
Built<Unit> populate(Build& build, std::uint64_t pages)
{
    std::uint64_t pfn = 0;
    while (pfn < pages) {
        unsigned order = static_cast<unsigned>(std::bit_width(pages - pfn)) - 1;
        const unsigned largest = build.system.memory.buddy().largest_order();
        order = order < largest ? order : largest;
        const auto block = build.system.memory.allocate_for(build.domain.memory, order);
        if (!block)
            return kNoMemory;
        for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i, ++pfn) {
            build.mfns[pfn] = (*block + i).value;
            build.system.memory.set_pfn(*block + i, pfn);
        }
    }
    return Unit{};
}

// Copies `from` to guest-physical address `to`.
void copy_in(const Build& build, std::uint64_t to, std::span<const std::byte> from)
{
    while (!from.empty()) {
        const std::uint64_t offset = to & (kPageSize - 1);
        const std::size_t step =
            from.size() < kPageSize - offset ? from.size() : kPageSize - offset;
        std::memcpy(build.bytes(Pfn{to >> kPageShift}) + offset, from.data(), step);
        to += step;
        from = from.subspan(step);
    }
}

void load_kernel(const Build& build, const xen::KernelImage& kernel, const BootModule& module)
{
    for (const xen::LoadSegment& segment : kernel.elf.loads())
        copy_in(
            build,
            build.plan.guest_physical(segment.paddr),
            bytes_of(module).subspan(segment.file_offset, segment.filesz)
        );
}

void write_tables(const Build& build)
{
    for (std::uint64_t i = 0; i < build.plan.table_pages(); ++i)
        xen::fill_table(
            build.plan, build.mfns, i, hal::table_entries(build.mfn(xen::table_pfn(build.plan, i)))
        );
}

void write_start_info(const Build& build, std::string_view arguments)
{
    auto& info = *reinterpret_cast<start_info*>(build.bytes(build.plan.start_info.first));
    xen::fill_start_info(
        build.plan,
        {.shared_info_address = build.domain.shared_frame.value << kPageShift,
         .flags = SIF_PRIVILEGED | SIF_INITDOMAIN,
         .command_line = arguments},
        info
    );
    // dom0's console is ours: no ring, and no VGA console to tell of.
    info.console.dom0.info_off = 0;
    info.console.dom0.info_size = 0;
    info.store_mfn = 0;
}

Built<Unit> start_vcpus(Build& build, unsigned vcpus)
{
    for (unsigned id = 0; id < vcpus; ++id)
        if (!create_vcpu(build.system, build.domain, id, id % build.system.cpu_count))
            return kNoMemory;
    auto& context = *reinterpret_cast<vcpu_guest_context*>(build.system.scratch.data());
    xen::fill_vcpu_context(build.plan, build.mfn(build.plan.tables.first), context);
    Vcpu& first = *build.domain.vcpus[0];
    // Pinned, because the kernel unpins them when it has made its own.
    constexpr unsigned kRoot = 4;
    const Mfn root = build.mfn(build.plan.tables.first);
    const auto pin = [&] { return build.system.tables.pin(root, kRoot, build.domain.rights()); };
    auto pinned = pin();
    while (!pinned && pinned.error() == Errno::again)
        pinned = pin();
    if (!pinned || !set_pv_context(build.system, first, context))
        return Dom0Fault{"its first page tables were not accepted", kGiveKernel};
    return Unit{};
}

} // namespace

Result<Domain*, Dom0Fault> build_dom0(System& system, const Dom0Request& request)
{
    const auto modules = system.boot.loaded();
    if (modules.empty())
        return Dom0Fault{"no kernel was loaded", kGiveKernel};
    const auto file = bytes_of(modules[0]);
    if (xen::is_bzimage(file))
        return Dom0Fault{
            "the first module is a compressed bzImage",
            "give the vmlinux in it (scripts/extract-vmlinux of Linux unpacks it)"};
    const auto kernel = xen::parse_kernel(file);
    if (!kernel)
        return Dom0Fault{describe(kernel.error()), kGiveKernel};
    const auto initrd = modules.size() > 1 ? bytes_of(modules[1]) : std::span<const std::byte>{};
    const std::uint64_t pages = request.bytes >> kPageShift;
    const std::string_view arguments = system.boot.kernel_arguments.view();
    const auto plan = xen::plan_pv(*kernel, {pages, initrd.size(), arguments.size()});
    if (!plan)
        return Dom0Fault{describe(plan.error()), kGiveMemory};

    const auto domain = create_domain(system, kDom0, request.vcpus);
    const unsigned list_order =
        static_cast<unsigned>(std::bit_width((pages * 8 - 1) >> kPageShift));
    const auto list = system.memory.allocate(list_order);
    if (!domain || !list)
        return kNoMemory;
    (*domain)->privileged = true;
    (*domain)->memory.limit = pages;
    Build build{
        system,
        **domain,
        *plan,
        {reinterpret_cast<std::uint64_t*>(hal::frame_bytes(*list)), pages}};
    TRY(populate(build, pages));
    load_kernel(build, *kernel, modules[0]);
    copy_in(build, plan->initrd.first.value << kPageShift, initrd);
    write_tables(build);
    copy_in(build, plan->p2m.first.value << kPageShift, std::as_bytes(build.mfns));
    write_start_info(build, arguments);
    TRY(start_vcpus(build, request.vcpus));
    system.memory.free(*list, list_order);
    log("dom0: ", pages >> 8, " MiB, entry ", hex(plan->entry), ", ", request.vcpus, " vCPUs");
    return *domain;
}

} // namespace zocalo::hv
