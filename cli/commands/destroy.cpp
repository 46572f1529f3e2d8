// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/on_domain.hpp"

namespace zocalo::cli {
namespace {

constexpr Option kOptions[] = {
    {'f', "force", "", "Accepted for xl; domain 0 is never destroyed"},
};

} // namespace

extern const Command destroy_command = on_domain(
    {.name = "destroy",
     .arguments = "DOMAIN",
     .summary = "Kill a domain and take down what belongs to it.",
     .details = "Its disks see no clean shutdown. A managed domain stays defined.",
     .section = Section::lifecycle,
     .options = kOptions,
     .run = [](const Args& args,
               Session& session) { return post_domain(args, session, "/destroy"); }}
);

} // namespace zocalo::cli
