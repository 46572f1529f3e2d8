// SPDX-License-Identifier: Apache-2.0
// ElfFile: the program and section headers of a 32- or 64-bit x86 ELF executable, validated once.
// Source: System V ABI, chapters 4 and 5. It knows nothing of Xen; kernel_image.hpp adds that.
#pragma once

#include "common/xen-build/build_fault.hpp"
#include "common/xen-build/byte_view.hpp"

#include <array>
#include <cstdint>

namespace zocalo::xen {

// Bytes of the file that become memory at physical address `paddr`; memsz - filesz more are zero.
struct LoadSegment {
    std::uint64_t file_offset{};
    std::uint64_t paddr{};
    std::uint64_t filesz{};
    std::uint64_t memsz{};
};

struct FileRange {
    std::uint64_t offset{};
    std::uint64_t length{};
};

class ElfFile {
  public:
    static constexpr unsigned kMaxLoads = 32;
    static constexpr unsigned kMaxNotes = 32;

    // Reads and checks headers: every offset lies in the file, no address wraps, no two segments
    // overlap.
    static Planned<ElfFile> parse(ByteView file);

    bool is_64_bit() const { return is_64_bit_; }
    std::uint64_t entry() const { return entry_; }
    std::span<const LoadSegment> loads() const { return {loads_.data(), load_count_}; }
    // PT_NOTE segments, then SHT_NOTE sections: where Xen's notes may be.
    std::span<const FileRange> notes() const { return {notes_.data(), note_count_}; }

  private:
    struct Table {
        std::uint64_t offset;
        std::uint64_t entry_size;
        std::uint64_t count;
    };

    Planned<Unit> read_identity(ByteView file);
    Planned<Unit> read_programs(ByteView file, const Table& table);
    Planned<Unit> add_load(ByteView file, std::uint64_t header);
    Planned<Unit> add_note(ByteView file, FileRange range);
    Planned<Unit> read_sections(ByteView file, const Table& table);
    Planned<Unit> check_overlaps() const;

    bool is_64_bit_{};
    std::uint64_t entry_{};
    std::array<LoadSegment, kMaxLoads> loads_{};
    std::array<FileRange, kMaxNotes> notes_{};
    unsigned load_count_{};
    unsigned note_count_{};
};

} // namespace zocalo::xen
