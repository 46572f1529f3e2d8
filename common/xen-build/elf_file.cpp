// SPDX-License-Identifier: Apache-2.0
#include "common/xen-build/elf_file.hpp"

namespace zocalo::xen {
namespace {

// Offsets in the ELF header and its tables: {64-bit, 32-bit} where the classes differ.
constexpr std::uint64_t kIdentSize = 16;
constexpr std::uint64_t kType = 16;
constexpr std::uint64_t kMachine = 18;
constexpr std::uint64_t kEntry = 24;
constexpr unsigned kClass32 = 1;
constexpr unsigned kClass64 = 2;
constexpr std::uint64_t kLittleEndian = 1;
constexpr std::uint64_t kExecutable = 2;    // ET_EXEC
constexpr std::uint64_t kSharedObject = 3;  // ET_DYN: a position-independent kernel
constexpr std::uint64_t kMachine386 = 3;    // EM_386
constexpr std::uint64_t kMachineX86 = 62;   // EM_X86_64
constexpr std::uint64_t kProgramLoad = 1;   // PT_LOAD
constexpr std::uint64_t kProgramNote = 4;   // PT_NOTE
constexpr std::uint64_t kSectionNote = 7;   // SHT_NOTE
constexpr std::uint64_t kMaxHeaders = 4096; // far more than any kernel has

struct Field {
    std::uint64_t in64;
    std::uint64_t in32;
};
constexpr Field kPhoff{32, 28};
constexpr Field kShoff{40, 32};
constexpr Field kPhentsize{54, 42};
constexpr Field kPhnum{56, 44};
constexpr Field kShentsize{58, 46};
constexpr Field kShnum{60, 48};
constexpr Field kProgramOffset{8, 4};
constexpr Field kProgramPaddr{24, 12};
constexpr Field kProgramFilesz{32, 16};
constexpr Field kProgramMemsz{40, 20};
constexpr Field kProgramSize{56, 32};
constexpr Field kSectionOffset{24, 16};
constexpr Field kSectionLength{32, 20};
constexpr Field kSectionSize{64, 40};

// Where the class decides offset and width of a field.
struct Reader {
    ByteView file;
    bool wide;

    std::uint64_t at(Field f) const { return wide ? f.in64 : f.in32; }
    // Only for fields inside a range that was checked before.
    std::uint64_t word(std::uint64_t base, Field f) const
    {
        return file.number(base + at(f), wide ? 8 : 4).value_or(0);
    }
    std::uint64_t half(Field f) const { return file.number(at(f), 2).value_or(0); }
};

} // namespace

Planned<Unit> ElfFile::read_identity(ByteView file)
{
    if (!file.has_text(
            0,
            "\x7f"
            "ELF"
        ))
        return BuildFault::unknown_format;
    if (!file.contains(0, kIdentSize))
        return BuildFault::truncated;
    const auto elf_class = file.number(4, 1);
    if (elf_class != kClass64 && elf_class != kClass32)
        return BuildFault::elf_bad_header;
    is_64_bit_ = elf_class == kClass64;
    if (file.number(5, 1) != kLittleEndian)
        return BuildFault::elf_not_little_endian;
    if (!file.contains(0, is_64_bit_ ? 64 : 52))
        return BuildFault::truncated;
    if (file.number(kMachine, 2) != (is_64_bit_ ? kMachineX86 : kMachine386))
        return BuildFault::elf_wrong_machine;
    const auto type = file.number(kType, 2);
    if (type != kExecutable && type != kSharedObject)
        return BuildFault::elf_not_executable;
    entry_ = file.number(kEntry, is_64_bit_ ? 8 : 4).value_or(0);
    return Unit{};
}

Planned<Unit> ElfFile::add_load(ByteView file, std::uint64_t header)
{
    const Reader reader{file, is_64_bit_};
    const LoadSegment segment{
        .file_offset = reader.word(header, kProgramOffset),
        .paddr = reader.word(header, kProgramPaddr),
        .filesz = reader.word(header, kProgramFilesz),
        .memsz = reader.word(header, kProgramMemsz),
    };
    if (segment.memsz == 0)
        return Unit{};
    if (segment.filesz > segment.memsz)
        return BuildFault::elf_bad_header;
    if (!file.contains(segment.file_offset, segment.filesz))
        return BuildFault::elf_segment_outside_file;
    if (segment.paddr + segment.memsz < segment.paddr)
        return BuildFault::elf_segment_wraps;
    if (load_count_ == kMaxLoads)
        return BuildFault::elf_too_many_segments;
    loads_[load_count_++] = segment;
    return Unit{};
}

Planned<Unit> ElfFile::add_note(ByteView file, FileRange range)
{
    if (!file.contains(range.offset, range.length))
        return BuildFault::elf_segment_outside_file;
    if (note_count_ < kMaxNotes)
        notes_[note_count_++] = range;
    return Unit{};
}

Planned<Unit> ElfFile::read_programs(ByteView file, const Table& table)
{
    const Reader reader{file, is_64_bit_};
    for (std::uint64_t i = 0; i < table.count; ++i) {
        const std::uint64_t header = table.offset + i * table.entry_size;
        const auto type = file.number(header, 4);
        if (type == kProgramLoad)
            TRY(add_load(file, header));
        else if (type == kProgramNote)
            TRY(add_note(
                file, {reader.word(header, kProgramOffset), reader.word(header, kProgramFilesz)}
            ));
    }
    return Unit{};
}

// Sections are optional: a stripped kernel has none, and only notes are looked for in them.
Planned<Unit> ElfFile::read_sections(ByteView file, const Table& table)
{
    const Reader reader{file, is_64_bit_};
    for (std::uint64_t i = 0; i < table.count; ++i) {
        const std::uint64_t header = table.offset + i * table.entry_size;
        if (file.number(header + 4, 4) == kSectionNote)
            TRY(add_note(
                file, {reader.word(header, kSectionOffset), reader.word(header, kSectionLength)}
            ));
    }
    return Unit{};
}

Planned<Unit> ElfFile::check_overlaps() const
{
    for (unsigned i = 0; i < load_count_; ++i)
        for (unsigned j = 0; j < i; ++j)
            if (loads_[i].paddr < loads_[j].paddr + loads_[j].memsz &&
                loads_[j].paddr < loads_[i].paddr + loads_[i].memsz)
                return BuildFault::elf_segments_overlap;
    return Unit{};
}

Planned<ElfFile> ElfFile::parse(ByteView file)
{
    if (file.size() == 0)
        return BuildFault::empty_file;
    ElfFile elf;
    TRY(elf.read_identity(file));
    const Reader reader{file, elf.is_64_bit_};
    const Table programs{reader.word(0, kPhoff), reader.half(kPhentsize), reader.half(kPhnum)};
    if (programs.count == 0)
        return BuildFault::elf_no_segments;
    if (programs.count > kMaxHeaders || programs.entry_size < reader.at(kProgramSize))
        return BuildFault::elf_bad_header;
    if (!file.contains(programs.offset, programs.count * programs.entry_size))
        return BuildFault::truncated;
    TRY(elf.read_programs(file, programs));
    if (elf.load_count_ == 0)
        return BuildFault::elf_no_segments;
    TRY(elf.check_overlaps());

    const Table sections{reader.word(0, kShoff), reader.half(kShentsize), reader.half(kShnum)};
    if (sections.count != 0) {
        if (sections.entry_size < reader.at(kSectionSize))
            return BuildFault::elf_bad_header;
        if (!file.contains(sections.offset, sections.count * sections.entry_size))
            return BuildFault::truncated;
        TRY(elf.read_sections(file, sections));
    }
    return elf;
}

} // namespace zocalo::xen
