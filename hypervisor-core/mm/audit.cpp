// SPDX-License-Identifier: Apache-2.0
#include "hypervisor-core/mm/audit.hpp"

#include "hypervisor-core/console/log.hpp"
#include "hypervisor-core/hal/memory.hpp"

namespace zocalo::hv {
namespace {

constexpr unsigned kFirstHypervisorSlot = 256, kEndHypervisorSlot = 272;

// Of a block that holds so many bytes.
unsigned order_for(std::uint64_t bytes)
{
    unsigned order = 0;
    while (kPageSize << order < bytes)
        ++order;
    return order;
}

std::string_view check_page(FrameTable& frames, Pte entry, std::span<std::uint32_t> writable)
{
    if (!frames.is_ram(entry.mfn()))
        return {};
    const FrameInfo& frame = frames[entry.mfn()];
    if (frame.refs == 0)
        return "maps a free frame";
    if (!entry.writable())
        return {};
    if (frame.type != FrameType::writable || frame.type_refs == 0)
        return "maps a table or descriptor page writable";
    if (++writable[entry.mfn().value] > frame.type_refs)
        return "is one writable mapping more than was counted";
    return {};
}

std::string_view check_table(FrameTable& frames, Pte entry, unsigned level, DomId owner)
{
    if (!frames.is_ram(entry.mfn()))
        return "points at what is no RAM as a table";
    const FrameInfo& frame = frames[entry.mfn()];
    if (frame.table_level() != level - 1)
        return "points at what is no table of the level below";
    if (frame.owner != owner)
        return "points at a table of another domain";
    return {};
}

} // namespace

std::optional<AuditFault> audit(Memory& memory, std::span<std::uint32_t> counts)
{
    FrameTable& frames = memory.frames();
    for (std::uint32_t& count : counts)
        count = 0;
    for (Mfn mfn{}; frames.contains(mfn); mfn = mfn + 1) {
        const unsigned level = frames[mfn].table_level();
        if (level == 0)
            continue;
        for (unsigned slot = 0; slot < frames[mfn].entries_held(); ++slot) {
            const Pte entry{hal::table_entries(mfn)[slot]};
            const bool ours =
                level == 4 && slot >= kFirstHypervisorSlot && slot < kEndHypervisorSlot;
            const bool linear = level > 1 && entry.mfn() == mfn && !entry.writable();
            if (!entry.present() || ours || linear)
                continue;
            const std::string_view what =
                level == 1 ? check_page(frames, entry, counts)
                           : check_table(frames, entry, level, frames[mfn].owner);
            if (!what.empty())
                return AuditFault{mfn, slot, what};
        }
    }
    return std::nullopt;
}

Result<bool> audit_and_tell(Memory& memory)
{
    const std::uint64_t frames = memory.frames().size();
    const unsigned order = order_for(frames * sizeof(std::uint32_t));
    const Mfn first = TRY(memory.allocate(order));
    const auto fault =
        audit(memory, {reinterpret_cast<std::uint32_t*>(hal::frame_bytes(first)), frames});
    memory.free(first, order);
    if (fault)
        log("page tables: entry ",
            fault->slot,
            " of the table in frame ",
            hex(fault->table.value),
            " ",
            fault->what);
    else
        log("page tables: all mappings are counted");
    return !fault;
}

} // namespace zocalo::hv
