// SPDX-License-Identifier: Apache-2.0
// From the text of a domain configuration file to a DomainConfig: the whole of xl.cfg as zl
// understands it. Used by create, define, apply, adopt and the dry run; knows no files, no daemon.
#pragma once

#include "common/rpc/domain_config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace zocalo::cli::cfg {

struct DomainFile {
    rpc::DomainConfig config;          // resolved: rpc::resolve has passed on it
    std::vector<std::string> warnings; // one line each, with file and line
};

struct ReadOptions {
    std::vector<std::string> overrides; // "key=value" from the command line, set last
    std::string base_directory;         // relative kernel and ramdisk paths start here
    bool strict{false};                 // warnings are errors
};

// `source` names the text in messages. Code::usage (or unsupported) with file, line and column.
Outcome<DomainFile>
read_domain_file(std::string_view text, const std::string& source, const ReadOptions& options);

} // namespace zocalo::cli::cfg
