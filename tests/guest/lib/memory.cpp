// SPDX-License-Identifier: Apache-2.0
#include "tests/guest/lib/memory.hpp"

#include "tests/guest/lib/hypercall.hpp"
#include "tests/guest/lib/vcpu.hpp"
#include "tests/guest/lib/verdict.hpp"

extern "C" start_info* info;
start_info* info = nullptr;

namespace zocalo::guest {
namespace {

Page shared_page;
std::array<Page, 96> pool;
unsigned pool_used = 0;

} // namespace

shared_info& shared()
{
    return *reinterpret_cast<shared_info*>(&shared_page);
}

vcpu_info& vcpu_area()
{
    return shared().vcpu_info[this_vcpu()];
}

void start_memory()
{
    map(reinterpret_cast<std::uint64_t>(&shared_page), info->shared_info | kReadWrite);
}

Page& new_page()
{
    if (pool_used == pool.size())
        end_with_error("the pool of pages is empty");
    return pool[pool_used++];
}

std::uint64_t mfn_of(const void* virtual_address)
{
    const std::uint64_t pfn =
        (reinterpret_cast<std::uint64_t>(virtual_address) - kBase) / kPageSize;
    return reinterpret_cast<const std::uint64_t*>(info->mfn_list)[pfn];
}

void* virtual_of(std::uint64_t mfn)
{
    const auto* const m2p = reinterpret_cast<const std::uint64_t*>(MACH2PHYS_VIRT_START);
    return reinterpret_cast<void*>(kBase + m2p[mfn] * kPageSize);
}

std::uint64_t* entry_at(std::uint64_t address, unsigned level)
{
    auto* table = reinterpret_cast<std::uint64_t*>(info->pt_base);
    for (unsigned at = 4;; --at) {
        std::uint64_t& entry = table[address >> (12 + 9 * (at - 1)) & 511];
        if (at == level)
            return &entry;
        if ((entry & kPresent) == 0)
            return nullptr;
        table = static_cast<std::uint64_t*>(virtual_of((entry & kFrameMask) / kPageSize));
    }
}

std::uint64_t root_mfn()
{
    return mfn_of(reinterpret_cast<const void*>(info->pt_base));
}

std::int64_t map(std::uint64_t address, std::uint64_t entry)
{
    return hypercall(__HYPERVISOR_update_va_mapping, address, entry, UVMF_INVLPG | UVMF_ALL);
}

std::int64_t map(const Page& page, std::uint64_t flags)
{
    return map(reinterpret_cast<std::uint64_t>(&page), entry_for(&page, flags));
}

std::int64_t update(std::uint64_t machine_address, std::uint64_t value, unsigned kind)
{
    mmu_update request{machine_address | kind, value};
    return hypercall(__HYPERVISOR_mmu_update, &request, 1, 0, DOMID_SELF);
}

std::int64_t mmuext(unsigned command, std::uint64_t argument1, std::uint64_t argument2)
{
    mmuext_op op{};
    op.cmd = command;
    op.arg1.mfn = argument1;
    op.arg2.src_mfn = argument2;
    return hypercall(__HYPERVISOR_mmuext_op, &op, 1, 0, DOMID_SELF);
}

} // namespace zocalo::guest
