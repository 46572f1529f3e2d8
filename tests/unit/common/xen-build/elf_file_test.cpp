// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/elf_file.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

BuildFault fault_of(const Bytes& file)
{
    const auto elf = ElfFile::parse(ByteView{file});
    EXPECT_FALSE(elf) << "the file was accepted";
    return elf ? BuildFault{} : elf.error();
}

TEST(ElfFile, GivesEverySegmentOfA64BitKernel)
{
    const Bytes file = kernel_file();
    const auto elf = ElfFile::parse(ByteView{file});
    ASSERT_TRUE(elf);
    EXPECT_TRUE(elf->is_64_bit());
    EXPECT_EQ(elf->entry(), kVirtBase + kKernelAt);
    ASSERT_EQ(elf->loads().size(), 2u);
    EXPECT_EQ(elf->loads()[1].paddr, kKernelAt + 0x3000);
    EXPECT_EQ(elf->loads()[1].filesz, 0x123u);
    EXPECT_EQ(elf->loads()[1].memsz, 0x1800u);
    EXPECT_EQ(elf->notes().size(), 1u);
}

TEST(ElfFile, ReadsA32BitFileToo)
{
    ElfSpec spec = linux_like();
    spec.wide = false;
    spec.entry = 0x1000000;
    const Bytes file = make_elf(spec);
    const auto elf = ElfFile::parse(ByteView{file});
    ASSERT_TRUE(elf);
    EXPECT_FALSE(elf->is_64_bit());
    EXPECT_EQ(elf->entry(), 0x1000000u);
    EXPECT_EQ(elf->loads()[0].memsz, 0x2000u);
}

TEST(ElfFile, FindsNotesInSectionsWhenNoSegmentHoldsThem)
{
    ElfSpec spec = linux_like();
    spec.notes_as_section = true;
    const Bytes file = make_elf(spec);
    const auto elf = ElfFile::parse(ByteView{file});
    ASSERT_TRUE(elf);
    ASSERT_EQ(elf->notes().size(), 1u);
    EXPECT_EQ(elf->notes()[0].length, spec.notes.size());
}

TEST(ElfFile, RefusesWhatIsNotAnX86Executable)
{
    EXPECT_EQ(fault_of({}), BuildFault::empty_file);
    EXPECT_EQ(fault_of(to_bytes("#!/bin/sh\n")), BuildFault::unknown_format);
    Bytes file = kernel_file();
    put(file, 4, 3, 1);
    EXPECT_EQ(fault_of(file), BuildFault::elf_bad_header);
    file = kernel_file();
    put(file, 5, 2, 1);
    EXPECT_EQ(fault_of(file), BuildFault::elf_not_little_endian);
    file = kernel_file();
    put(file, 18, 183, 2); // AArch64
    EXPECT_EQ(fault_of(file), BuildFault::elf_wrong_machine);
    file = kernel_file();
    put(file, 16, 1, 2); // a relocatable object
    EXPECT_EQ(fault_of(file), BuildFault::elf_not_executable);
}

TEST(ElfFile, RefusesEveryTruncation)
{
    ElfSpec spec = linux_like();
    const Bytes whole = make_elf(spec);
    for (std::size_t size = 0; size < whole.size(); size += size < 400 ? 1 : 97) {
        const Bytes part{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_FALSE(ElfFile::parse(ByteView{part})) << size;
    }
}

TEST(ElfFile, RefusesHeadersThatContradictThemselves)
{
    Bytes file = kernel_file();
    put(file, 54, 8, 2); // program headers of eight bytes
    EXPECT_EQ(fault_of(file), BuildFault::elf_bad_header);
    file = kernel_file();
    put(file, 56, 0, 2);
    EXPECT_EQ(fault_of(file), BuildFault::elf_no_segments);
    file = kernel_file();
    put(file, 56, 0xffff, 2);
    EXPECT_EQ(fault_of(file), BuildFault::elf_bad_header);
    file = kernel_file();
    put(file, 32, ~std::uint64_t{0} - 8, 8); // program headers at the end of the address space
    EXPECT_EQ(fault_of(file), BuildFault::truncated);
    file = kernel_file();
    put(file, 64 + 40, 1, 8); // less memory than file
    EXPECT_EQ(fault_of(file), BuildFault::elf_bad_header);
}

TEST(ElfFile, RefusesSegmentsOutsideTheFileOrTheAddressSpace)
{
    Bytes file = kernel_file();
    put(file, 64 + 8, ~std::uint64_t{0}, 8);
    EXPECT_EQ(fault_of(file), BuildFault::elf_segment_outside_file);
    file = kernel_file();
    put(file, 64 + 24, ~std::uint64_t{0} - 16, 8);
    EXPECT_EQ(fault_of(file), BuildFault::elf_segment_wraps);
    file = kernel_file();
    put(file, 64 + 40, ~std::uint64_t{0}, 8);
    EXPECT_EQ(fault_of(file), BuildFault::elf_segment_wraps);
}

TEST(ElfFile, RefusesOverlappingSegments)
{
    ElfSpec spec = linux_like();
    spec.segments[1].paddr = kKernelAt + 0x1fff;
    EXPECT_EQ(fault_of(make_elf(spec)), BuildFault::elf_segments_overlap);
    spec.segments[1].paddr = kKernelAt + 0x2000;
    const Bytes touching = make_elf(spec);
    EXPECT_TRUE(ElfFile::parse(ByteView{touching}));
}

TEST(ElfFile, RefusesMoreSegmentsThanAnyKernelHas)
{
    ElfSpec spec;
    for (std::uint64_t i = 0; i <= ElfFile::kMaxLoads; ++i)
        spec.segments.push_back({i * 0x1000, Bytes(16), 0});
    EXPECT_EQ(fault_of(make_elf(spec)), BuildFault::elf_too_many_segments);
}

TEST(ElfFile, IgnoresEmptySegments)
{
    ElfSpec spec = linux_like();
    spec.segments.push_back({~std::uint64_t{0}, {}, 0});
    const Bytes file = make_elf(spec);
    const auto elf = ElfFile::parse(ByteView{file});
    ASSERT_TRUE(elf);
    EXPECT_EQ(elf->loads().size(), 2u);
}

} // namespace
} // namespace zocalo::xen
