// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/kernel_image.hpp"
#include "tests/unit/common/xen-build/image_maker.hpp"

#include <gtest/gtest.h>

namespace zocalo::xen {
namespace {

using namespace zocalo::test;

BuildFault fault_of(const NoteMaker& notes)
{
    ElfSpec spec = linux_like();
    spec.notes = notes.bytes();
    const auto image = parse_kernel(make_elf(spec));
    EXPECT_FALSE(image) << "the notes were accepted";
    return image ? BuildFault{} : image.error();
}

TEST(KernelImage, TellsWhatTheNotesSay)
{
    const auto image = parse_kernel(kernel_file());
    ASSERT_TRUE(image);
    EXPECT_EQ(image->notes.virt_base, kVirtBase);
    EXPECT_EQ(image->notes.init_p2m, kInitP2m);
    EXPECT_EQ(image->notes.entry, kVirtBase + kKernelAt + 0x10);
    EXPECT_EQ(image->notes.phys32_entry, kKernelAt + 0x850);
    EXPECT_TRUE(image->notes.mod_start_pfn);
    EXPECT_FALSE(image->notes.hypercall);
    EXPECT_EQ(image->paddr_start, kKernelAt);
    EXPECT_EQ(image->paddr_end, kKernelAt + 0x4800);
}

TEST(KernelImage, WantsAtLeastOneXenNote)
{
    EXPECT_EQ(fault_of(NoteMaker{}), BuildFault::notes_missing);
    NoteMaker other;
    other.add("GNU", 3, Bytes(20));
    EXPECT_EQ(fault_of(other), BuildFault::notes_missing);
    other.add("Xenomorph", XEN_ELFNOTE_VIRT_BASE, Bytes(8));
    EXPECT_EQ(fault_of(other), BuildFault::notes_missing);
}

TEST(KernelImage, SkipsNotesItDoesNotKnow)
{
    NoteMaker notes = linux_notes();
    notes.add("Xen", 0x7777, Bytes(3));
    ElfSpec spec = linux_like();
    spec.notes = notes.bytes();
    EXPECT_TRUE(parse_kernel(make_elf(spec)));
}

TEST(KernelImage, RefusesNumbersOfOddSizes)
{
    NoteMaker notes;
    notes.number(XEN_ELFNOTE_VIRT_BASE, 1, 2);
    EXPECT_EQ(fault_of(notes), BuildFault::note_wrong_size);
    NoteMaker flag;
    flag.number(XEN_ELFNOTE_MOD_START_PFN, 1, 1);
    EXPECT_EQ(fault_of(flag), BuildFault::note_wrong_size);
}

TEST(KernelImage, RefusesForeignVersionsAndLoaders)
{
    NoteMaker version;
    version.text(XEN_ELFNOTE_XEN_VERSION, "xen-2.0");
    EXPECT_EQ(fault_of(version), BuildFault::note_bad_version);
    NoteMaker longer;
    longer.text(XEN_ELFNOTE_XEN_VERSION, "xen-3.01");
    EXPECT_EQ(fault_of(longer), BuildFault::note_bad_version);
    NoteMaker loader;
    loader.text(XEN_ELFNOTE_LOADER, "special");
    EXPECT_EQ(fault_of(loader), BuildFault::note_bad_loader);
}

TEST(KernelImage, RefusesNotesThatReachOutOfTheirRegion)
{
    NoteMaker notes = linux_notes();
    Bytes bytes = notes.bytes();
    put(bytes, 4, 0xffffffff, 4); // the first note's description
    ElfSpec spec = linux_like();
    spec.notes = bytes;
    auto image = parse_kernel(make_elf(spec));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error(), BuildFault::note_malformed);
    bytes = notes.bytes();
    put(bytes, 0, 0xfffffffd, 4); // its name
    spec.notes = bytes;
    image = parse_kernel(make_elf(spec));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error(), BuildFault::note_malformed);
}

TEST(KernelImage, KeepsTheFirstOfTwoEqualNotes)
{
    NoteMaker notes;
    notes.number(XEN_ELFNOTE_VIRT_BASE, 0x1000).number(XEN_ELFNOTE_VIRT_BASE, 0x2000);
    ElfSpec spec = linux_like();
    spec.notes = notes.bytes();
    const auto image = parse_kernel(make_elf(spec));
    ASSERT_TRUE(image);
    EXPECT_EQ(image->notes.virt_base, 0x1000u);
}

TEST(BuildFault, EveryValueHasASentenceOfItsOwn)
{
    std::vector<std::string> seen;
    for (int i = 0; i <= static_cast<int>(BuildFault::bad_vcpu_count); ++i) {
        const std::string text = describe(static_cast<BuildFault>(i));
        EXPECT_EQ(std::count(seen.begin(), seen.end(), text), 0) << text;
        seen.push_back(text);
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), "an unknown fault"), 0);
}

} // namespace
} // namespace zocalo::xen
