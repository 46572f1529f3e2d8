// SPDX-License-Identifier: Apache-2.0
// FakeXen: a hypervisor for the builder's tests: pages in a map, every call recorded, memory that
// can run out or be fragmented, and a chosen call that fails. It checks the order Xen insists on.
#pragma once

#include "toolstackd/build/xen_port.hpp"

#include <gtest/gtest.h>
#include <xen/grant_table.h>
#include <xen/hvm/save.h>
#include <xen/xen.h>

#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace zocalo::test {

class FakeXen final : public toolstack::XenPort {
  public:
    using Page = std::array<std::byte, kPageSize>;

    // Settings
    bool translated{}; // PVH: frames in calls are gfns
    std::uint64_t free_pages{1 << 21};
    std::uint64_t large_extents{~0ULL}; // how many extents above order 0 are to be had
    int fail_at{-1};                    // this call (counted from 0) fails

    // Four logical processors a package, without gaps in their APIC ids.
    std::vector<xen_cpuid_leaf> leaves{
        {0, XEN_CPUID_NO_SUBLEAF, 13, 0, 0, 0}, {1, XEN_CPUID_NO_SUBLEAF, 0, 4u << 16, 0, 0}};

    // What happened
    std::vector<xen_cpuid_leaf> leaves_set;
    std::vector<std::string> calls;
    std::map<std::uint64_t, std::uint64_t> frames;  // pfn or gfn → mfn
    std::map<std::uint64_t, Page> memory;           // by mfn; only pages that were written
    std::map<std::uint64_t, std::string> populated; // first frame → "order" or "order+pod"
    std::map<std::uint32_t, std::uint64_t> params;
    std::vector<xen::MapEntry> memory_map;
    Page grants{};
    vcpu_guest_context context{};
    std::vector<std::byte> records;
    std::uint64_t pinned{};
    std::uint64_t hypercall_page{};
    std::uint64_t pod_target{};
    std::uint64_t max_memory_kib{}, pool_bytes{};
    unsigned max_vcpus{};
    toolstack::NewDomain created{};
    int mapped{};
    bool destroyed{};
    static constexpr std::uint64_t kSharedInfo = 0x77777;

    std::uint64_t mfn_of(std::uint64_t pfn) const { return frames.at(pfn); }
    // A frame as the guest names it → its bytes.
    Page& page(std::uint64_t frame)
    {
        return page_of(translated && frame != kSharedInfo ? frames.at(frame) : frame);
    }

    Outcome<DomId> create(const toolstack::NewDomain& domain) override
    {
        if (fails("create"))
            return broken();
        created = domain;
        return DomId{9};
    }
    Outcome<Unit> set_max_vcpus(DomId, unsigned n) override
    {
        return note("max_vcpus", max_vcpus, n);
    }
    Outcome<Unit> set_max_memory(DomId, std::uint64_t kib) override
    {
        return note("max_memory", max_memory_kib, kib);
    }
    Outcome<Unit> set_paging_pool(DomId, std::uint64_t n) override
    {
        return note("pool", pool_bytes, n);
    }
    Outcome<Unit> set_tsc_mode(DomId, std::uint32_t) override { return plain("tsc"); }
    Outcome<Unit> destroy(DomId) override { return note("destroy", destroyed, true); }
    Outcome<Unit> set_memory_map(DomId, std::span<const xen::MapEntry> map) override
    {
        memory_map.assign(map.begin(), map.end());
        return plain("memory_map");
    }
    Outcome<Unit> set_pod_target(DomId, std::uint64_t pages) override
    {
        EXPECT_TRUE(frames.empty()) << "Xen ignores a target set after populating";
        return note("pod_target", pod_target, pages);
    }

    Outcome<std::size_t>
    populate(DomId, unsigned order, bool on_demand, std::span<std::uint64_t> list) override
    {
        if (fails("populate"))
            return broken();
        const std::uint64_t size = 1ULL << order;
        for (std::size_t i = 0; i < list.size(); ++i) {
            if ((!on_demand && free_pages < size) || (order > 0 && large_extents == 0))
                return i;
            large_extents -= order > 0 ? 1 : 0;
            free_pages -= on_demand ? 0 : size;
            populated[list[i]] = std::to_string(order) + (on_demand ? "+pod" : "");
            EXPECT_EQ(list[i] % size, 0u);
            // Large extents are contiguous; between extents there is a gap.
            for (std::uint64_t k = 0; k < size; ++k) {
                EXPECT_FALSE(frames.contains(list[i] + k)) << "populated twice";
                frames[list[i] + k] = next_mfn_ + k;
            }
            if (!translated)
                list[i] = next_mfn_;
            next_mfn_ += size + 3;
        }
        return list.size();
    }

    Outcome<toolstack::GuestMemory> map(DomId, std::span<const std::uint64_t> list) override
    {
        if (fails("map"))
            return broken();
        std::vector<std::uint64_t> mfns;
        for (const std::uint64_t frame : list)
            mfns.push_back(translated && frame != kSharedInfo ? frames.at(frame) : frame);
        return window(std::move(mfns));
    }
    Outcome<toolstack::GuestMemory> map_grant_table(DomId) override
    {
        if (fails("map_grant_table"))
            return broken();
        ++mapped;
        return toolstack::GuestMemory{grants.data(), 1, [this](std::byte*) { --mapped; }};
    }
    Outcome<Mfn> shared_info(DomId) override
    {
        if (fails("shared_info"))
            return broken();
        return Mfn{kSharedInfo};
    }
    Outcome<EventPort> alloc_unbound(DomId, DomId) override
    {
        if (fails("alloc_unbound"))
            return broken();
        return EventPort{++last_port_};
    }
    Outcome<Unit> init_hypercall_page(DomId, std::uint64_t frame) override
    {
        return note("hypercall_page", hypercall_page, frame);
    }
    Outcome<Unit> pin_l4(DomId, Mfn table) override
    {
        EXPECT_EQ(mapped, 0) << "a mapped page table cannot be pinned";
        return note("pin_l4", pinned, table.value);
    }
    Outcome<Unit> set_vcpu_context(DomId, const vcpu_guest_context& c) override
    {
        EXPECT_NE(pinned, 0u) << "cr3 must name a pinned table";
        return note("vcpu_context", context, c);
    }
    Outcome<std::vector<std::byte>> hvm_context(DomId) override
    {
        if (fails("hvm_context"))
            return broken();
        std::vector<std::byte> bytes;
        hvm_save_header header{};
        header.magic = 0x54381286;
        add_record(bytes, 1, header);
        add_record(bytes, 99, std::array<std::byte, 40>{});
        hvm_hw_mtrr mtrr{};
        mtrr.msr_mtrr_cap = 0x508;
        add_record(bytes, 14, mtrr);
        return bytes;
    }
    Outcome<Unit> set_hvm_context(DomId, std::span<std::byte> bytes) override
    {
        return note("set_hvm_context", records, {bytes.begin(), bytes.end()});
    }
    Outcome<std::vector<xen_cpuid_leaf>> cpuid_leaves(DomId) override
    {
        if (fails("cpuid_leaves"))
            return broken();
        return leaves;
    }
    Outcome<Unit> set_cpuid_leaves(DomId, std::span<xen_cpuid_leaf> list) override
    {
        return note("set_cpuid_leaves", leaves_set, {list.begin(), list.end()});
    }
    Outcome<Unit> set_hvm_param(DomId, std::uint32_t param, std::uint64_t value) override
    {
        params[param] = value;
        return plain("hvm_param");
    }

  private:
    template <class T>
    static void add_record(std::vector<std::byte>& to, std::uint16_t type, const T& body)
    {
        const hvm_save_descriptor head{type, 0, sizeof body};
        const auto* h = reinterpret_cast<const std::byte*>(&head);
        const auto* b = reinterpret_cast<const std::byte*>(&body);
        to.insert(to.end(), h, h + sizeof head);
        to.insert(to.end(), b, b + sizeof body);
    }
    static Error broken() { return {Code::failed, "the fake failed as told", ""}; }
    bool fails(const char* name)
    {
        calls.emplace_back(name);
        return static_cast<int>(calls.size()) - 1 == fail_at;
    }
    Outcome<Unit> plain(const char* name)
    {
        return fails(name) ? Outcome<Unit>{broken()} : Outcome<Unit>{Unit{}};
    }
    template <class T> Outcome<Unit> note(const char* name, T& field, std::type_identity_t<T> value)
    {
        field = std::move(value);
        return plain(name);
    }
    // Pages hold rubbish until somebody writes them, as on a host that does not scrub.
    Page& page_of(std::uint64_t mfn)
    {
        const auto [at, fresh] = memory.try_emplace(mfn);
        if (fresh)
            at->second.fill(std::byte{0xcc});
        return at->second;
    }
    // One contiguous view; copied back when it is unmapped.
    toolstack::GuestMemory window(std::vector<std::uint64_t> mfns)
    {
        ++mapped;
        const std::size_t pages = mfns.size();
        auto* base = new std::byte[pages * kPageSize];
        for (std::size_t i = 0; i < pages; ++i)
            std::memcpy(base + i * kPageSize, page_of(mfns[i]).data(), kPageSize);
        return {base, pages, [this, list = std::move(mfns)](std::byte* p) {
                    for (std::size_t i = 0; i < list.size(); ++i)
                        std::memcpy(page_of(list[i]).data(), p + i * kPageSize, kPageSize);
                    delete[] p;
                    --mapped;
                }};
    }

    std::uint64_t next_mfn_{0x200000};
    std::uint32_t last_port_{};
};

} // namespace zocalo::test
