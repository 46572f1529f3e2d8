// SPDX-License-Identifier: Apache-2.0
// Config: /etc/zocalo/toolstackd.toml. Every key has a default, so that the file may be missing; an
// unknown key or a value out of range is an error that names its line. Read once, before anything
// else happens.
#pragma once

#include "common/error/error.hpp"
#include "toolstackd/sys/log.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zocalo::toolstack {

struct Config {
    // [daemon]
    std::string log_level{"info"}; // error, warning, notice, info, debug
    std::string state_folder{"/var/lib/zocalo"};
    std::string cache_folder{"/var/cache/zocalo"};
    std::string run_folder{"/run/zocalo"};
    std::uint64_t stop_limit_s{25}; // what steps under way may take at SIGTERM

    // [api]
    std::string socket{"/run/zocalo/toolstackd.sock"};
    std::string admin_group{"zocalo-admin"};
    std::string read_group{"zocalo"};
    std::uint64_t connections_per_user{64};
    std::uint64_t connections{512};

    // [console]
    std::string console_log_folder{"/var/log/zocalo/console"};
    std::uint64_t console_history_kib{256};
    std::uint64_t console_log_kib{1024}; // of one file
    std::uint64_t console_log_files{3};
    std::uint64_t console_rate_kib{1024}; // a second

    // [backends]
    std::string backend_user{"zocalo-backend"}; // empty: root
    std::string blkback{"/usr/libexec/zocalo/zocalo-blkback"};
    std::string netback{"/usr/libexec/zocalo/zocalo-netback"};
    bool backend_scopes{true}; // control groups of their own, in one systemd scope
    bool backend_own_users{true};
    std::uint64_t backend_priority{10}; // steps of nice(1) before dom0's other programs
    // How long a ring is watched before its process sleeps; none: as suits this machine.
    std::optional<std::uint64_t> backend_poll_us;
    std::string disk_engine{"libaio"}; // libaio, io_uring

    // [dumps]
    std::string dump_folder{"/var/lib/zocalo/dumps"};
    std::string dump_program{"/usr/libexec/zocalo/zocalo-dump-core"};
    std::uint64_t dump_file_mib{8192};
    std::uint64_t dump_total_mib{16384};
    std::uint64_t dump_files{8};
    std::uint64_t dump_leave_free_mib{512};

    LogLevel level() const;

    friend bool operator==(const Config&, const Config&) = default;
};

// `origin` names the text in errors.
Outcome<Config> parse_config(std::string_view text, const std::string& origin);
// A missing file at the default place is an empty one; elsewhere it is an error.
Outcome<Config> load_config(const std::string& path);

inline constexpr const char* kConfigPath = "/etc/zocalo/toolstackd.toml";

} // namespace zocalo::toolstack
