// SPDX-License-Identifier: Apache-2.0
// One build against FakeXen: kernel and ramdisk in files, a specification to change, and the
// outcome.
#pragma once

#include "tests/unit/common/xen-build/image_maker.hpp"
#include "tests/unit/toolstackd/build/fake_xen.hpp"
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/build/builder.hpp"

namespace zocalo::test {

class BuiltGuest {
  public:
    explicit BuiltGuest(bool pvh, const ElfSpec& kernel = linux_like())
    {
        spec.pvh = pvh;
        spec.kernel = scratch.write("vmlinux", make_elf(kernel));
        initrd = Bytes(10'000);
        for (std::size_t i = 0; i < initrd.size(); ++i)
            initrd[i] = static_cast<std::byte>(i * 11 + 3);
        spec.ramdisk = scratch.write("initrd", initrd);
        spec.cmdline = "console=hvc0 answer=42";
        spec.memory_mib = 64;
        spec.maxvcpus = 2;
        xen.translated = pvh;
    }

    Outcome<toolstack::BuiltDomain> run()
    {
        toolstack::KernelStore kernels{{}};
        auto id = toolstack::create_domain(xen, spec);
        if (!id)
            return id.error();
        return toolstack::build_domain(xen, kernels, *id, spec);
    }

    // Guest-physical bytes, page by page through the populated frames.
    Bytes read(std::uint64_t address, std::uint64_t size)
    {
        Bytes bytes;
        while (bytes.size() < size) {
            const std::uint64_t at = address + bytes.size();
            const auto& page = xen.memory.at(xen.mfn_of(at / kPageSize));
            const std::uint64_t offset = at % kPageSize;
            const std::uint64_t count = std::min(kPageSize - offset, size - bytes.size());
            bytes.insert(
                bytes.end(),
                page.begin() + static_cast<std::ptrdiff_t>(offset),
                page.begin() + static_cast<std::ptrdiff_t>(offset + count)
            );
        }
        return bytes;
    }

    Scratch scratch;
    FakeXen xen;
    toolstack::GuestSpec spec;
    Bytes initrd;
};

// True when the kernel of linux_like() is at its place, its uninitialized data zero.
inline bool kernel_is_loaded(BuiltGuest& guest)
{
    const ElfSpec spec = linux_like();
    bool same = true;
    for (const SegmentSpec& segment : spec.segments) {
        Bytes expected = segment.content;
        expected.resize(std::max<std::uint64_t>(segment.memsz, expected.size()));
        same = same && guest.read(segment.paddr, expected.size()) == expected;
    }
    return same;
}

} // namespace zocalo::test
