// SPDX-License-Identifier: Apache-2.0
// KernelStore: kernels by path, unpacked once. The unpacked file is kept in a folder under the
// SHA-256 of the packed one, so that the next process finds it too, and kept open here, so that
// planning and loading see the same bytes whatever happens to the original. A damaged or missing
// cache entry is made again; an unusable folder only costs time.
#pragma once

#include "common/error/error.hpp"
#include "common/posix/unique_fd.hpp"
#include "common/xen-build/kernel_image.hpp"

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
    explicit KernelStore(std::filesystem::path folder) : folder_{std::move(folder)} {}

    // Thread-safe. Two callers with the same new kernel unpack it once.
    Outcome<std::shared_ptr<const Kernel>> load(const std::string& path);

  private:
    // Who a file was when we read it; a change of content changes at least one.
    struct Identity {
        std::uint64_t device{}, inode{}, size{};
        std::int64_t modified_ns{}, changed_ns{};
        friend bool operator==(const Identity&, const Identity&) = default;
    };
    struct Entry {
        Identity identity;
        std::mutex loading;
        std::shared_ptr<const Kernel> kernel;
    };

    std::shared_ptr<Entry> entry_of(const Identity& identity);
    Outcome<std::shared_ptr<const Kernel>> load_file(const std::string& path, int file);

    std::filesystem::path folder_;
    std::mutex mutex_;
    std::list<std::shared_ptr<Entry>> entries_; // most recently used first
};

} // namespace zocalo::toolstack
