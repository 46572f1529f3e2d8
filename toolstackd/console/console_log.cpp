// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/console/console_log.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

// A domain's name is a user's text: only what is harmless in a file's name stays.
std::string file_name(const std::string& name, const rpc::Uuid& uuid)
{
    std::string safe = name.substr(0, 64);
    for (char& c : safe)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.')
            c = '_';
    if (safe.empty() || safe.front() == '.')
        safe.insert(0, "_");
    return safe + "-" + rpc::text(uuid) + ".log";
}

std::string numbered(const std::string& path, unsigned n)
{
    return n == 0 ? path : path + "." + std::to_string(n);
}

// The log of the same domain under an older name.
void rename_older(const std::string& folder, const std::string& wanted, const rpc::Uuid& uuid)
{
    const std::string mark = "-" + rpc::text(uuid) + ".log";
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
        const std::string name = entry.path().filename();
        const auto at = name.rfind(mark);
        if (at == name.npos || name.compare(0, wanted.size(), wanted) == 0)
            continue;
        const std::string ending = name.substr(at + mark.size()); // "", ".1" …
        fs::rename(entry.path(), fs::path(folder) / (wanted + ending), failure);
    }
}

// The name of the newest log of the domain, empty when there is none.
std::string existing(const std::string& folder, const rpc::Uuid& uuid)
{
    const std::string ending = "-" + rpc::text(uuid) + ".log";
    std::error_code failure;
    for (const auto& entry : fs::directory_iterator(folder, failure)) {
        std::string name = entry.path().filename();
        if (name.ends_with(ending))
            return name;
    }
    return {};
}

Outcome<UniqueFd> open_for_append(const std::string& path)
{
    UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640)};
    if (!fd)
        return system_error("cannot open the console log " + path, errno);
    return fd;
}

Outcome<std::string> tail_of(const std::string& path, std::size_t bytes)
{
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    if (!fd)
        return system_error("cannot read the console log " + path, errno);
    struct stat info {};
    if (fstat(fd.get(), &info) != 0)
        return system_error("cannot read the console log " + path, errno);
    const auto size = static_cast<std::size_t>(info.st_size);
    std::string data(std::min(bytes, size), '\0');
    const ssize_t got =
        pread(fd.get(), data.data(), data.size(), static_cast<off_t>(size - data.size()));
    if (got < 0)
        return system_error("cannot read the console log " + path, errno);
    data.resize(static_cast<std::size_t>(got));
    return data;
}

} // namespace

ConsoleLog::ConsoleLog(std::string path, UniqueFd fd, std::uint64_t size, LogLimits limits)
    : path_{std::move(path)}, fd_{std::move(fd)}, size_{size}, limits_{limits}
{
}

Outcome<ConsoleLog> ConsoleLog::open(
    const std::string& folder, const std::string& name, const rpc::Uuid& uuid, LogLimits limits
)
{
    std::string file = name.empty() ? existing(folder, uuid) : file_name(name, uuid);
    if (file.empty())
        file = file_name(name, uuid);
    rename_older(folder, file, uuid);
    std::string path = folder + "/" + file;
    UniqueFd fd = TRY(open_for_append(path));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0)
        return system_error("cannot read the size of " + path, errno);
    const auto size = static_cast<std::uint64_t>(info.st_size);
    return ConsoleLog{std::move(path), std::move(fd), size, limits};
}

bool ConsoleLog::exists(const std::string& folder, const rpc::Uuid& uuid)
{
    return !existing(folder, uuid).empty();
}

Outcome<Unit> ConsoleLog::append(std::string_view data)
{
    if (size_ > 0 && size_ + data.size() > limits_.file_bytes)
        TRY(rotate());
    while (!data.empty()) {
        const ssize_t written = ::write(fd_.get(), data.data(), data.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return system_error("cannot write the console log " + path_, errno);
        size_ += static_cast<std::uint64_t>(written);
        data.remove_prefix(static_cast<std::size_t>(written));
    }
    return Unit{};
}

Outcome<Unit> ConsoleLog::rotate()
{
    // The oldest is overwritten; a file that is missing in between is no reason to stop.
    for (unsigned n = limits_.files; n-- > 1;)
        ::rename(numbered(path_, n - 1).c_str(), numbered(path_, n).c_str());
    if (limits_.files < 2)
        ::unlink(path_.c_str());
    fd_ = TRY(open_for_append(path_));
    size_ = 0;
    return Unit{};
}

Outcome<std::string> ConsoleLog::tail(std::size_t bytes) const
{
    std::string newest = TRY(tail_of(path_, bytes));
    if (newest.size() == bytes || limits_.files < 2)
        return newest;
    const auto older = tail_of(numbered(path_, 1), bytes - newest.size());
    return older ? older.value() + newest : newest;
}

} // namespace zocalo::toolstack
