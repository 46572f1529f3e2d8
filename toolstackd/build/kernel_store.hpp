// SPDX-License-Identifier: Apache-2.0
// KernelStore: kernels by path, unpacked once. The unpacked file is kept in a folder under the
// SHA-256 of the packed one, so that the next process finds it too, and kept open here, so that
// planning and loading see the same bytes whatever happens to the original. A damaged or missing
// cache entry is made again; an unusable folder only costs time.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/xen-build/kernel_image.hpp"
#include "toolstackd/build/kernel_records.hpp"

#include <chrono>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

// An unpacked, parsed kernel. Immutable; shared by builds.
class Kernel {
  public:
    Kernel(UniqueFd file, const xen::KernelImage& image) : file_{std::move(file)}, image_{image} {}

    const xen::KernelImage& image() const { return image_; }
    // Reads exactly out.size() bytes from `offset` of the unpacked file.
    Outcome<Unit> read(std::uint64_t offset, std::span<std::byte> out) const;

  private:
    UniqueFd file_;
    xen::KernelImage image_;
};

// Why a file of the configuration could not be opened: Code::not_found when it is not there. `what`
// says which it was: "kernel", "ramdisk".
Error cannot_open(std::string_view what, const std::string& path, int errno_value);

class KernelStore {
  public:
    static constexpr std::uint64_t kMaxPacked = 256ULL << 20;   // bytes of a kernel file
    static constexpr std::uint64_t kMaxUnpacked = 512ULL << 20; // bytes it may unpack to
    static constexpr std::size_t kMaxOpen = 8;                  // kernels kept open
    static constexpr std::size_t kMaxCached = 16;               // files kept in the folder

    // `folder` is made when missing (one level); empty: cache in this process only.
    // Files younger than `settled` are read again by the next process.
    explicit KernelStore(
        std::filesystem::path folder, std::chrono::nanoseconds settled = std::chrono::seconds{2}
    )
        : folder_{std::move(folder)}, settled_{settled}
    {
    }

    // Thread-safe. Two callers with the same new kernel unpack it once.
    Outcome<std::shared_ptr<const Kernel>> load(const std::string& path);

  private:
    struct Entry {
        FileIdentity identity;
        std::mutex loading;
        std::shared_ptr<const Kernel> kernel;
    };

    std::shared_ptr<Entry> entry_of(const FileIdentity& identity);
    // Without reading the file, when its entry in the folder is known and unchanged.
    std::shared_ptr<const Kernel> recall(const FileIdentity& packed) const;
    Outcome<std::shared_ptr<const Kernel>> load_file(const std::string& path, int file);
    // Afterwards recall() finds it, unless one of the files is too young to be told apart.
    void remember(const FileIdentity& packed, const std::string& digest, int unpacked) const;

    std::filesystem::path folder_;
    std::chrono::nanoseconds settled_;
    std::mutex mutex_;
    std::list<std::shared_ptr<Entry>> entries_; // most recently used first
};

} // namespace zocalo::toolstack
