// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/build/kernel_store.hpp"

#include "toolstackd/build/decompress.hpp"
#include "toolstackd/build/kernel_cache.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>

namespace zocalo::toolstack {
namespace {

Error about(const std::string& path, Error error)
{
    error.what = "kernel " + path + ": " + error.what;
    return error;
}

} // namespace

Error cannot_open(std::string_view what, const std::string& path, int errno_value)
{
    const std::string name{what};
    Error error = system_error(
        "cannot open " + name + " " + path, errno_value, "check the path in `" + name + "=`"
    );
    if (errno_value == ENOENT)
        error.code = Code::not_found;
    return error;
}

Outcome<Unit> Kernel::read(std::uint64_t offset, std::span<std::byte> out) const
{
    return read_exactly(file_.get(), offset, out);
}

std::shared_ptr<KernelStore::Entry> KernelStore::entry_of(const FileIdentity& identity)
{
    const std::lock_guard lock{mutex_};
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
        return entry->identity == identity;
    });
    if (found != entries_.end()) {
        entries_.splice(entries_.begin(), entries_, found);
        return entries_.front();
    }
    auto entry = std::make_shared<Entry>();
    entry->identity = identity;
    entries_.push_front(entry);
    if (entries_.size() > kMaxOpen)
        entries_.pop_back(); // builds that use it keep it alive
    return entry;
}

std::shared_ptr<const Kernel> KernelStore::recall(const FileIdentity& packed) const
{
    const auto record = folder_.empty() ? std::nullopt : recall_kernel(folder_, packed);
    auto mapped = record ? map_cached(folder_, *record) : std::nullopt;
    if (!mapped)
        return nullptr;
    const auto image = xen::parse_kernel(mapped->bytes);
    return image ? std::make_shared<const Kernel>(std::move(mapped->file), *image) : nullptr;
}

void KernelStore::remember(const FileIdentity& packed, const std::string& digest, int unpacked)
    const
{
    const auto entry = identity_of_open(unpacked);
    if (entry && is_settled(packed, settled_) && is_settled(*entry, settled_))
        remember_kernel(folder_, packed, {digest, *entry});
}

Outcome<std::shared_ptr<const Kernel>> KernelStore::load_file(const std::string& path, int file)
{
    const auto identity = identity_of_open(file);
    if (auto known = identity ? recall(*identity) : nullptr)
        return known;
    auto packed = read_whole(file, kMaxPacked);
    if (!packed)
        return about(path, packed.error());
    const std::string digest = folder_.empty() ? std::string{} : digest_of(*packed);
    CachedFile unpacked;
    if (auto cached = folder_.empty() ? std::nullopt : open_cached(folder_, digest)) {
        unpacked = std::move(*cached);
    } else {
        auto bytes = unpack_kernel(*packed, kMaxUnpacked);
        if (!bytes)
            return about(path, bytes.error());
        unpacked.bytes = std::move(*bytes);
    }
    const auto image = xen::parse_kernel(unpacked.bytes);
    if (!image)
        return about(path, {Code::usage, xen::describe(image.error()), ""});
    if (!unpacked.file && !folder_.empty())
        if (auto stored = store_cached(folder_, digest, unpacked.bytes, kMaxCached))
            unpacked.file = std::move(*stored);
    if (!unpacked.file) {
        auto stored = store_in_memory(unpacked.bytes);
        if (!stored)
            return about(path, stored.error());
        unpacked.file = std::move(*stored);
    } else if (identity) {
        remember(*identity, digest, unpacked.file.get());
    }
    return std::shared_ptr<const Kernel>{
        std::make_shared<const Kernel>(std::move(unpacked.file), *image)};
}

Outcome<std::shared_ptr<const Kernel>> KernelStore::load(const std::string& path)
{
    // O_NONBLOCK: opening a FIFO must not hang the build.
    const UniqueFd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat info {};
    if (!file || ::fstat(file.get(), &info) != 0)
        return cannot_open("kernel", path, errno);
    const auto entry = entry_of(identity_of(info));
    const std::lock_guard lock{entry->loading};
    if (!entry->kernel)
        entry->kernel = TRY(load_file(path, file.get()));
    return entry->kernel;
}

} // namespace zocalo::toolstack
