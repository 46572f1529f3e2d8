// SPDX-License-Identifier: Apache-2.0
// The keys of a domain configuration file: those with a meaning here (a table of setters) and
// xl.cfg's other keys, which are accepted with a warning. The man page zl.cfg(5) is printed from
// these tables.
#pragma once

#include "cli/cfg/document.hpp"
#include "common/rpc/domain_config.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli::cfg {

// What the setters write to: the configuration, and what only makes sense once all keys were seen.
struct Draft {
    rpc::DomainConfig config;
    std::optional<std::string> cmdline, root, extra;
    bool cpus_per_vcpu{false}, cpus_soft_per_vcpu{false}; // a list was given, one entry each
    std::vector<std::string> warnings;
};

enum class KeyType { text, number, boolean, text_list, text_or_list };

struct Key {
    std::string_view name;
    KeyType type;
    Outcome<Unit> (*set)(Draft&, const Value&); // the value is of `type` already
    std::string_view help;
};

std::span<const Key> keys();
// Keys that xl knows and that have no effect here.
std::span<const std::string_view> keys_without_effect();
// Both, for suggestions.
std::vector<std::string_view> all_key_names();

std::string_view name(KeyType type);

// Numbers as xl reads them: decimal, 0octal or 0xhex, from a bare number or a string.
Outcome<long> to_number(const Value& value);

} // namespace zocalo::cli::cfg
