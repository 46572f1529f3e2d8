// SPDX-License-Identifier: Apache-2.0
// A control group for each backend process, in a tree that systemd has left to us (cgroups(7),
// version 2; https://systemd.io/CGROUP_DELEGATION). `tree` is the tree's folder.
#pragma once

#include "common/error/error.hpp"

#include <string>
#include <sys/types.h>

namespace zocalo::toolstack {

// Puts the process into the group `name`, made if need be, and then bounds what the group may take:
// eight tasks, 768 MiB. A process that has ended is no error. Code::not_found: there is no such
// tree.
Outcome<Unit> put_into_group(const std::string& tree, const std::string& name, pid_t pid);

// Removes the group once its last process has gone; waits for that a fifth of a second at the most.
void remove_group(const std::string& tree, const std::string& name);

// Removes all groups without processes.
void remove_empty_groups(const std::string& tree);

// The last two parts of the process's group, "zocalo-backends.scope/blk-…"; empty when it has
// ended.
std::string group_of(pid_t pid);

} // namespace zocalo::toolstack
