// SPDX-License-Identifier: Apache-2.0
// clang-format off
#include <cerrno> // first: the table of errors in xs_wire.h depends on EINVAL being defined

#include "toolstackd/xenstore/request.hpp"
// clang-format on

#include "common/xen-proto/xs_wire.hpp"

namespace zocalo::toolstack {
namespace {

// Strings as xs_wire packs them: each with its NUL.
std::string packed(std::initializer_list<std::string_view> strings)
{
    std::string out;
    for (const std::string_view s : strings)
        out.append(s).push_back('\0');
    return out;
}

bool allowed(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-/_@").find(c) != std::string_view::npos;
}

XsRequest with_path(std::uint32_t type, std::string_view path)
{
    return {type, packed({path})};
}

Outcome<XsRequest> permissions_request(const StoreChange& change)
{
    std::string payload = packed({change.path});
    for (const std::string& permission : change.permissions) {
        const bool known = permission.size() >= 2 &&
                           std::string_view("nrwb").find(permission[0]) != std::string_view::npos &&
                           xen::xs_number(std::string_view{permission}.substr(1));
        if (!known)
            return Error{
                Code::usage,
                "xenstore: '" + permission + "' is no permission",
                "n, r, w or b and a domain number"};
        payload.append(permission).push_back('\0');
    }
    return XsRequest{XS_SET_PERMS, std::move(payload)};
}

XsRequest main_request(const StoreChange& change)
{
    switch (change.kind) {
    case StoreChange::Kind::mkdir:
        return with_path(XS_MKDIR, change.path);
    case StoreChange::Kind::remove:
        return with_path(XS_RM, change.path);
    case StoreChange::Kind::permit: // has no other request than that for the permissions
    case StoreChange::Kind::write:
        break;
    }
    return {XS_WRITE, packed({change.path}) + change.value};
}

Code code_of(int error)
{
    switch (error) {
    case ENOENT:
        return Code::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
        return Code::denied;
    case EEXIST:
    case EBUSY:
    case EAGAIN:
        return Code::conflict;
    default:
        return Code::failed;
    }
}

} // namespace

Outcome<Unit> check_path(std::string_view path)
{
    const bool special = path == "@introduceDomain" || path == "@releaseDomain";
    bool good =
        special ||
        (!path.empty() && path.front() == '/' && path.size() <= XENSTORE_ABS_PATH_MAX &&
         path.find("//") == std::string_view::npos && (path.size() == 1 || path.back() != '/'));
    for (const char c : path)
        good = good && allowed(c);
    if (good)
        return Unit{};
    return Error{
        Code::usage,
        "xenstore: '" + std::string(path.substr(0, 80)) + "' is no valid path",
        "letters, digits, - _ @ between single slashes"};
}

XsRequest read_request(std::string_view path)
{
    return with_path(XS_READ, path);
}

XsRequest directory_request(std::string_view path)
{
    return with_path(XS_DIRECTORY, path);
}

XsRequest directory_part_request(std::string_view path, std::size_t offset)
{
    return {XS_DIRECTORY_PART, packed({path, std::to_string(offset)})};
}

XsRequest watch_request(std::string_view path, std::string_view token)
{
    return {XS_WATCH, packed({path, token})};
}

XsRequest unwatch_request(std::string_view path, std::string_view token)
{
    return {XS_UNWATCH, packed({path, token})};
}

XsRequest start_request()
{
    return {XS_TRANSACTION_START, packed({""})};
}

XsRequest end_request(bool commit)
{
    return {XS_TRANSACTION_END, packed({commit ? "T" : "F"})};
}

XsRequest introduce_request(DomId domid, std::uint64_t frame, EventPort port)
{
    return {
        XS_INTRODUCE,
        packed({std::to_string(domid.value), std::to_string(frame), std::to_string(port.value)})};
}

XsRequest release_request(DomId domid)
{
    return {XS_RELEASE, packed({std::to_string(domid.value)})};
}

XsRequest is_introduced_request(DomId domid)
{
    return {XS_IS_DOMAIN_INTRODUCED, packed({std::to_string(domid.value)})};
}

Outcome<std::vector<XsRequest>> change_requests(const StoreChange& change)
{
    TRY(check_path(change.path));
    std::vector<XsRequest> requests;
    if (change.kind != StoreChange::Kind::permit)
        requests.push_back(main_request(change));
    if (change.kind != StoreChange::Kind::remove && !change.permissions.empty())
        requests.push_back(TRY(permissions_request(change)));
    for (const XsRequest& request : requests)
        if (request.payload.size() > xen::kXsPayloadMax)
            return Error{
                Code::usage,
                "xenstore: the value of " + change.path + " is too long",
                "path and value together hold at most 4096 bytes"};
    return requests;
}

int xs_errno(std::string_view payload)
{
    while (!payload.empty() && payload.back() == '\0')
        payload.remove_suffix(1);
    for (const auto& known : ::xsd_errors)
        if (payload == known.errstring)
            return known.errnum;
    return EINVAL;
}

Error store_error(std::string_view what, int error)
{
    Error e = system_error("xenstore: " + std::string(what), error);
    e.code = code_of(error);
    if (error == ENOSPC || error == E2BIG)
        e.next = "a quota of xenstored is exhausted; see its --quota options";
    return e;
}

} // namespace zocalo::toolstack
