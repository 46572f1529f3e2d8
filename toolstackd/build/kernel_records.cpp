// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/kernel_records.hpp"

#include <algorithm>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostRecords = 64;
constexpr std::size_t kDigestLength = 64;

std::int64_t nanoseconds(const timespec& t)
{
    return t.tv_sec * 1'000'000'000 + t.tv_nsec;
}

fs::path records_folder(const fs::path& folder)
{
    return folder / "by-file";
}

std::string text(const FileIdentity& file)
{
    return std::to_string(file.device) + "-" + std::to_string(file.inode) + "-" +
           std::to_string(file.size) + "-" + std::to_string(file.modified_ns) + "-" +
           std::to_string(file.changed_ns);
}

// Only what can be an entry's name: the record names a file to open.
bool is_digest(const std::string& word)
{
    return word.size() == kDigestLength &&
           word.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// Oldest first out.
void prune(const fs::path& folder)
{
    std::error_code ignored;
    std::vector<std::pair<fs::file_time_type, fs::path>> files;
    for (const fs::directory_entry& entry : fs::directory_iterator{folder, ignored})
        files.emplace_back(entry.last_write_time(ignored), entry.path());
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i + kMostRecords < files.size(); ++i)
        fs::remove(files[i].second, ignored);
}

} // namespace

FileIdentity identity_of(const struct stat& info)
{
    return {
        info.st_dev,
        info.st_ino,
        static_cast<std::uint64_t>(info.st_size),
        nanoseconds(info.st_mtim),
        nanoseconds(info.st_ctim)};
}

bool is_settled(const FileIdentity& file, std::chrono::nanoseconds for_at_least)
{
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const std::chrono::nanoseconds changed{std::max(file.modified_ns, file.changed_ns)};
    return changed + for_at_least <= now;
}

std::optional<KernelRecord> recall_kernel(const fs::path& folder, const FileIdentity& packed)
{
    std::ifstream file(records_folder(folder) / text(packed));
    KernelRecord record;
    FileIdentity& unpacked = record.unpacked;
    file >> record.digest >> unpacked.device >> unpacked.inode >> unpacked.size >>
        unpacked.modified_ns >> unpacked.changed_ns;
    if (!file || !is_digest(record.digest))
        return std::nullopt;
    return record;
}

void remember_kernel(const fs::path& folder, const FileIdentity& packed, const KernelRecord& record)
{
    std::error_code ignored;
    const fs::path records = records_folder(folder);
    fs::create_directory(records, ignored);
    const fs::path final = records / text(packed);
    const fs::path temporary = records / (".new-" + record.digest);
    const FileIdentity& unpacked = record.unpacked;
    {
        std::ofstream file(temporary);
        file << record.digest << ' ' << unpacked.device << ' ' << unpacked.inode << ' '
             << unpacked.size << ' ' << unpacked.modified_ns << ' ' << unpacked.changed_ns << '\n';
    }
    fs::rename(temporary, final, ignored);
    prune(records);
}

} // namespace zocalo::toolstack
