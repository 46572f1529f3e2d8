// SPDX-License-Identifier: Apache-2.0
// Makes kernel files for tests: ELF executables with chosen segments and Xen notes, and bzImages
// around any payload. Used by the tests of common/xen-build and toolstackd/build, and by nothing
// that ships.
#pragma once

#include <xen/elfnote.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::test {

using Bytes = std::vector<std::byte>;

inline void put(Bytes& bytes, std::size_t at, std::uint64_t value, unsigned width)
{
    if (bytes.size() < at + width)
        bytes.resize(at + width);
    for (unsigned i = 0; i < width; ++i, value >>= 8)
        bytes[at + i] = static_cast<std::byte>(value);
}

inline void put_text(Bytes& bytes, std::size_t at, std::string_view text)
{
    if (bytes.size() < at + text.size())
        bytes.resize(at + text.size());
    std::memcpy(bytes.data() + at, text.data(), text.size());
}

inline Bytes to_bytes(std::string_view text)
{
    Bytes bytes;
    put_text(bytes, 0, text);
    return bytes;
}

class NoteMaker {
  public:
    NoteMaker& number(std::uint32_t type, std::uint64_t value, unsigned width = 8)
    {
        Bytes description;
        put(description, 0, value, width);
        return add("Xen", type, description);
    }
    NoteMaker& text(std::uint32_t type, std::string_view value)
    {
        Bytes description = to_bytes(value);
        description.push_back(std::byte{});
        return add("Xen", type, description);
    }
    NoteMaker& add(std::string_view owner, std::uint32_t type, const Bytes& description)
    {
        const std::size_t at = bytes_.size();
        put(bytes_, at, owner.size() + 1, 4);
        put(bytes_, at + 4, description.size(), 4);
        put(bytes_, at + 8, type, 4);
        put_text(bytes_, at + 12, owner);
        bytes_.resize((at + 12 + owner.size() + 1 + 3) & ~std::size_t{3});
        bytes_.insert(bytes_.end(), description.begin(), description.end());
        bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
        return *this;
    }
    const Bytes& bytes() const { return bytes_; }

  private:
    Bytes bytes_;
};

// What Debian's kernel says, with the addresses of `kernel_file()`.
inline constexpr std::uint64_t kVirtBase = 0xffffffff80000000;
inline constexpr std::uint64_t kInitP2m = 0x8000000000;
inline constexpr std::uint64_t kKernelAt = 0x1000000;

inline NoteMaker linux_notes()
{
    NoteMaker notes;
    notes.text(XEN_ELFNOTE_GUEST_OS, "linux")
        .text(XEN_ELFNOTE_XEN_VERSION, "xen-3.0")
        .text(XEN_ELFNOTE_LOADER, "generic")
        .number(XEN_ELFNOTE_VIRT_BASE, kVirtBase)
        .number(XEN_ELFNOTE_PADDR_OFFSET, 0)
        .number(XEN_ELFNOTE_INIT_P2M, kInitP2m)
        .number(XEN_ELFNOTE_ENTRY, kVirtBase + kKernelAt + 0x10)
        .number(XEN_ELFNOTE_PHYS32_ENTRY, kKernelAt + 0x850, 4)
        .number(XEN_ELFNOTE_MOD_START_PFN, 1);
    return notes;
}

struct SegmentSpec {
    std::uint64_t paddr{};
    Bytes content;
    std::uint64_t memsz{}; // at least content.size()
};

struct ElfSpec {
    bool wide{true}; // 64-bit
    std::uint64_t entry{kVirtBase + kKernelAt};
    std::vector<SegmentSpec> segments;
    Bytes notes;
    bool notes_as_section{};
};

// Lays out header, program headers, (one section header), notes, contents.
inline Bytes make_elf(const ElfSpec& spec)
{
    const unsigned w = spec.wide ? 8 : 4;
    const std::size_t head = spec.wide ? 64 : 52;
    const std::size_t program = spec.wide ? 56 : 32;
    const std::size_t section = spec.wide ? 64 : 40;
    const bool note_program = !spec.notes.empty() && !spec.notes_as_section;
    const std::size_t programs = spec.segments.size() + (note_program ? 1 : 0);
    const std::size_t sections_at = head + programs * program;
    std::size_t at = sections_at + (spec.notes_as_section ? section : 0);
    Bytes file(at);
    put_text(
        file,
        0,
        "\x7f"
        "ELF"
    );
    put(file, 4, spec.wide ? 2 : 1, 1);
    put(file, 5, 1, 1);
    put(file, 6, 1, 1);
    put(file, 16, 2, 2);
    put(file, 18, spec.wide ? 62 : 3, 2);
    put(file, 20, 1, 4);
    put(file, 24, spec.entry, w);
    put(file, 24 + w, head, w);
    put(file, spec.wide ? 54 : 42, program, 2);
    put(file, spec.wide ? 56 : 44, programs, 2);
    put(file, spec.wide ? 58 : 46, section, 2);
    if (spec.notes_as_section) {
        put(file, 24 + 2 * w, sections_at, w);
        put(file, spec.wide ? 60 : 48, 1, 2);
        put(file, sections_at + 4, 7, 4);
        put(file, sections_at + (spec.wide ? 24 : 16), at, w);
        put(file, sections_at + (spec.wide ? 32 : 20), spec.notes.size(), w);
    }
    std::size_t header = head;
    const auto add =
        [&](std::uint32_t type, const Bytes& content, std::uint64_t paddr, std::uint64_t memsz) {
            put(file, header, type, 4);
            put(file, header + (spec.wide ? 8 : 4), at, w);
            put(file, header + (spec.wide ? 16 : 8), paddr, w);
            put(file, header + (spec.wide ? 24 : 12), paddr, w);
            put(file, header + (spec.wide ? 32 : 16), content.size(), w);
            put(file, header + (spec.wide ? 40 : 20), memsz, w);
            header += program;
            file.insert(file.end(), content.begin(), content.end());
            at = file.size();
        };
    if (spec.notes_as_section) {
        file.insert(file.end(), spec.notes.begin(), spec.notes.end());
        at = file.size();
    }
    for (const SegmentSpec& s : spec.segments)
        add(1, s.content, s.paddr, s.memsz < s.content.size() ? s.content.size() : s.memsz);
    if (note_program)
        add(4, spec.notes, 0, spec.notes.size());
    return file;
}

inline ElfSpec linux_like()
{
    ElfSpec spec;
    Bytes text(0x2000);
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<std::byte>(i * 7 + 1);
    Bytes data(0x123, std::byte{0x5a});
    spec.segments = {{kKernelAt, text, 0}, {kKernelAt + 0x3000, data, 0x1800}};
    spec.notes = linux_notes().bytes();
    return spec;
}

inline Bytes kernel_file()
{
    return make_elf(linux_like());
}

// A bzImage with `payload` behind one setup sector, as boot protocol 2.15.
inline Bytes make_bzimage(const Bytes& payload)
{
    Bytes file(1024);
    put(file, 0x1f1, 1, 1);
    put_text(file, 0x202, "HdrS");
    put(file, 0x206, 0x20f, 2);
    put(file, 0x248, 16, 4);
    put(file, 0x24c, payload.size(), 4);
    file.resize(1024 + 16);
    file.insert(file.end(), payload.begin(), payload.end());
    return file;
}

} // namespace zocalo::test
