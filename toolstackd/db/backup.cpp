// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/db/backup.hpp"

#include "common/posix/unique_fd.hpp"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>

namespace zocalo::toolstack {
namespace {

Outcome<Unit> sync(const std::string& path, int flags)
{
    const UniqueFd fd{::open(path.c_str(), flags | O_CLOEXEC)};
    if (!fd || ::fsync(fd.get()) != 0)
        return system_error("cannot put " + path + " on the disk", errno);
    return Unit{};
}

Outcome<Unit> copy_whole(Connection& connection, const std::string& to)
{
    ::unlink(to.c_str()); // of a copy that was interrupted
    Statement copy(connection, "VACUUM INTO ?");
    TRY(copy.bind(to).run());
    ::chmod(to.c_str(), 0600);
    return sync(to, O_RDONLY);
}

} // namespace

Outcome<Unit> back_up_before_migration(
    Connection& connection, const std::string& path, std::span<const Migration> migrations
)
{
    const std::int64_t version = TRY(schema_of(connection));
    const bool changes = !migrations.empty() && version < migrations.back().number;
    if (version == 0 || !changes || path == ":memory:")
        return Unit{};
    const std::string copy = path + ".schema-" + std::to_string(version), part = copy + ".part";
    auto copied = copy_whole(connection, part);
    if (!copied)
        return Error{
            copied.error().code,
            "cannot copy the database before its schema changes: " + copied.error().what,
            copied.error().next};
    if (::rename(part.c_str(), copy.c_str()) != 0)
        return system_error("cannot name " + copy, errno);
    return sync(path.substr(0, path.rfind('/') + 1), O_RDONLY | O_DIRECTORY);
}

} // namespace zocalo::toolstack
