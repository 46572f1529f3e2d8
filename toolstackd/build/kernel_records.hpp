// SPDX-License-Identifier: Apache-2.0
// Which kernel file gave which entry of the folder of unpacked kernels, so that neither has to be
// read whole again as long as both are the files they were: device, inode, size and both times are
// equal. Used by the kernel store; a record that is lost, old or damaged only costs the reading.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/stat.h>

namespace zocalo::toolstack {

// Who a file was when we read it; a change of content changes at least one.
struct FileIdentity {
    std::uint64_t device{}, inode{}, size{};
    std::int64_t modified_ns{}, changed_ns{};
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

FileIdentity identity_of(const struct stat& info);

struct KernelRecord {
    std::string digest;    // the entry's name
    FileIdentity unpacked; // the entry as it was when its bytes were known to be good
};

// Whether the file has not been changed for a while: its times would not show a second change
// within the same tick of the file system's clock.
bool is_settled(const FileIdentity& file, std::chrono::nanoseconds for_at_least);

// Records lie below `folder`, one small file per kernel file.
std::optional<KernelRecord>
recall_kernel(const std::filesystem::path& folder, const FileIdentity& packed);
void remember_kernel(
    const std::filesystem::path& folder, const FileIdentity& packed, const KernelRecord& record
);

} // namespace zocalo::toolstack
