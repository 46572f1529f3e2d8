// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/stamp.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <fstream>

namespace zocalo::toolstack {
namespace {

constexpr std::size_t kIdLength = 36; // a uuid's text

std::optional<std::uint64_t> number(std::string_view text)
{
    while (text.starts_with(' '))
        text.remove_prefix(1);
    std::uint64_t value{};
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

} // namespace

std::string text(const Stamp& stamp)
{
    std::array<char, 96> line{};
    const int size = std::snprintf(
        line.data(),
        line.size(),
        "%36.36s %20llu %20llu",
        stamp.id.c_str(),
        static_cast<unsigned long long>(stamp.generation),
        static_cast<unsigned long long>(stamp.last_event)
    );
    return {line.data(), static_cast<std::size_t>(size)};
}

std::optional<Stamp> parse_stamp(std::string_view text)
{
    constexpr std::size_t kNumber = 20, kLength = kIdLength + 2 * (1 + kNumber);
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    if (text.size() != kLength)
        return std::nullopt;
    const auto generation = number(text.substr(kIdLength + 1, kNumber));
    const auto last_event = number(text.substr(kIdLength + 2 + kNumber));
    if (!generation || !last_event)
        return std::nullopt;
    return Stamp{std::string{text.substr(0, kIdLength)}, *generation, *last_event};
}

std::string doubt(const Stamp& now, const Stamp& seen)
{
    if (now.id != seen.id)
        return "the database is another one than was used since the host booted";
    if (now.generation < seen.generation || now.last_event < seen.last_event)
        return "the database is older than what was used since the host booted (start " +
               std::to_string(now.generation) + ", event " + std::to_string(now.last_event) +
               "; the last one used had start " + std::to_string(seen.generation) + ", event " +
               std::to_string(seen.last_event) + ")";
    return {};
}

Outcome<StampFile> StampFile::open(const std::string& path)
{
    UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd)
        return system_error("cannot write " + path, errno);
    return StampFile(std::move(fd));
}

void StampFile::write(const Stamp& stamp) const
{
    const std::string line = text(stamp) + "\n";
    [[maybe_unused]] const auto n = ::pwrite(fd_.get(), line.data(), line.size(), 0);
}

std::optional<Stamp> read_stamp(const std::string& path)
{
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line))
        return std::nullopt;
    return parse_stamp(line);
}

} // namespace zocalo::toolstack
