// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/xenstore/commit.hpp"

#include <xen/io/xs_wire.h>

#include <algorithm>
#include <cerrno>

namespace zocalo::toolstack {
namespace {

Error broken(const StoreGuard& guard, const std::string& how)
{
    return Error{
        Code::conflict,
        "xenstore: " + guard.path + " " + how,
        "the domain changed meanwhile; look at its state and try again"};
}

Outcome<Unit> holds(const StoreGuard& guard, const XsReply& reply)
{
    if (reply.error != 0 && reply.error != ENOENT)
        return store_error("read " + guard.path, reply.error);
    const bool there = reply.error == 0;
    if (guard.absent)
        return there ? Outcome<Unit>(broken(guard, "exists already")) : Unit{};
    if (!there)
        return broken(guard, "is gone");
    if (guard.value && *guard.value != reply.payload)
        return broken(guard, "has another value now");
    return Unit{};
}

} // namespace

Outcome<Commit>
Commit::plan(const std::vector<StoreChange>& changes, const std::vector<StoreGuard>& guards)
{
    Commit commit;
    for (const StoreGuard& guard : guards) {
        TRY(check_path(guard.path));
        commit.requests_.push_back(read_request(guard.path));
    }
    commit.guards_ = guards;
    for (const StoreChange& change : changes)
        for (XsRequest& request : TRY(change_requests(change))) {
            commit.requests_.push_back(std::move(request));
            commit.paths_.push_back(change.path);
        }
    return commit;
}

Outcome<Unit> Commit::judge(std::span<const XsReply> replies) const
{
    if (replies.size() != requests_.size())
        return Error{Code::failed, "xenstore: answers are missing", {}};
    for (std::size_t i = 0; i < guards_.size(); ++i)
        TRY(holds(guards_[i], replies[i]));
    for (std::size_t i = guards_.size(); i < replies.size(); ++i) {
        const bool removed_already = requests_[i].type == XS_RM && replies[i].error == ENOENT;
        if (replies[i].error != 0 && !removed_already)
            return store_error("change " + paths_[i - guards_.size()], replies[i].error);
    }
    return Unit{};
}

std::chrono::milliseconds conflict_pause(unsigned attempt, std::minstd_rand& random)
{
    if (attempt <= 2)
        return std::chrono::milliseconds{0};
    const int most = 1 << std::min(attempt - 2, 6u);
    return std::chrono::milliseconds{std::uniform_int_distribution<int>{1, most}(random)};
}

} // namespace zocalo::toolstack
