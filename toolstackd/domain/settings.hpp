// SPDX-License-Identifier: Apache-2.0
// Settings: the domain layer's times and limits, all in one place, and what it must be told of the
// host. Filled by toolstackd/app from the configuration file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace zocalo::toolstack {

// Which disk a path means: two paths of one image give the same text. The default asks stat(2).
std::string disk_identity(const std::string& path);

struct Settings {
    std::string boot_id; // /proc/sys/kernel/random/boot_id
    std::string version; // of toolstackd
    std::function<std::string(const std::string& path)> disk_identity = toolstack::disk_identity;

    std::int64_t retry_first_ms = 200, retry_longest_ms = 5'000; // after a failed step
    std::int64_t unknown_retry_ms = 1'000;                       // Xen or xenstored is away
    std::int64_t gone_poll_first_ms = 5;
    std::int64_t gone_limit_ms = 60'000; // an operation stops waiting for a dying domain
    std::int64_t resync_ms = 15'000;     // look at everything, whether told or not
    std::int64_t connect_limit_ms = 30'000;
    std::int64_t detach_limit_ms = 10'000;
    std::int64_t quick_ms = 60'000; // an instance that ends sooner counts as a failure
    std::int64_t backoff_first_ms = 2'000, backoff_longest_ms = 300'000;
    std::uint32_t start_retries = 5; // of a restart that cannot be built
};

} // namespace zocalo::toolstack
