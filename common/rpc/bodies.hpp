// SPDX-License-Identifier: Apache-2.0
// Bodies: what the changes of the control API take (docs/api.md), one struct a verb. The server
// reads a request's body strictly as its struct before anything else happens; clients may build
// theirs from it.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace zocalo::rpc {

struct CreateBody {
    DomainConfig config;
    bool start{true};
    bool paused{};
    bool managed{}; // survives host reboot
};
BOOST_DESCRIBE_STRUCT(CreateBody, (), (config, start, paused, managed))

struct ConfigBody {
    DomainConfig config;
};
BOOST_DESCRIBE_STRUCT(ConfigBody, (), (config))

struct StartBody {
    bool paused{};
};
BOOST_DESCRIBE_STRUCT(StartBody, (), (paused))

struct TimeoutBody {
    std::uint32_t timeout_s{60}; // how long the guest may take
};
BOOST_DESCRIBE_STRUCT(TimeoutBody, (), (timeout_s))

struct EmptyBody {};
BOOST_DESCRIBE_STRUCT(EmptyBody, (), ())

struct RenameBody {
    std::string name;
};
BOOST_DESCRIBE_STRUCT(RenameBody, (), (name))

struct MemoryBody {
    std::optional<std::uint64_t> target_mib, max_mib;
};
BOOST_DESCRIBE_STRUCT(MemoryBody, (), (target_mib, max_mib))

struct VcpusBody {
    std::uint32_t count{};
    bool ignore_host{}; // more vCPUs than the host has pCPUs
};
BOOST_DESCRIBE_STRUCT(VcpusBody, (), (count, ignore_host))

struct AffinityBody {
    std::optional<std::uint32_t> vcpu;     // null: all of them
    std::optional<std::string> hard, soft; // xl's grammar; null: leave as it is
};
BOOST_DESCRIBE_STRUCT(AffinityBody, (), (vcpu, hard, soft))

struct AdoptBody {
    std::optional<DomainConfig> config; // null: made up from what Xen and xenstore say
};
BOOST_DESCRIBE_STRUCT(AdoptBody, (), (config))

// What a detach hands to the domain layer; a client sends it as path and query.
struct DetachBody {
    std::string device; // vdev, devid or MAC
    bool force{};
};
BOOST_DESCRIBE_STRUCT(DetachBody, (), (device, force))

// The same for what is set on a disk, or done to it.
struct LimitsBody {
    std::string device;
    LimitConfig limits;
};
BOOST_DESCRIBE_STRUCT(LimitsBody, (), (device, limits))

struct MeasureBody {
    std::string device;
};
BOOST_DESCRIBE_STRUCT(MeasureBody, (), (device))

// What is in a CD drive; an empty target is nothing. A client sends `target` only, the device as
// path.
struct MediumBody {
    std::string device;
    std::string target;
};
BOOST_DESCRIBE_STRUCT(MediumBody, (), (device, target))

struct MediumTarget {
    std::string target;
};
BOOST_DESCRIBE_STRUCT(MediumTarget, (), (target))

// Answers that are not a view.
struct CheckAnswer {
    DomainConfig config;
    std::vector<std::string> steps;
};
BOOST_DESCRIBE_STRUCT(CheckAnswer, (), (config, steps))

struct VersionAnswer {
    std::string version;
    std::uint32_t api{1};
};
BOOST_DESCRIBE_STRUCT(VersionAnswer, (), (version, api))

struct TextAnswer {
    std::string text;
};
BOOST_DESCRIBE_STRUCT(TextAnswer, (), (text))

} // namespace zocalo::rpc
