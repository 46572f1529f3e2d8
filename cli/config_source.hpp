// SPDX-License-Identifier: Apache-2.0
// From the words of `create FILE [key=value...]` to a DomainConfig, with warnings on stderr. Used
// by create, define, apply, adopt and config.
#pragma once

#include "cli/session.hpp"

namespace zocalo::cli {

// The options these commands share.
std::span<const Option> config_options();

// The words from `first` on: at most one file and any number of key=value; the file may also be
// given with -f, and is "-" for standard input. Code::usage with file, line and column.
Outcome<rpc::DomainConfig>
config_from_words(const Args& args, std::size_t first, const Session& session);

// The configuration as xl.cfg text: what `config` prints and `edit` opens.
std::string config_text(const rpc::DomainConfig& config);

// Bytes of a file ("-": standard input), at most `limit`.
Outcome<std::string> read_file(const std::string& path, std::size_t limit);

} // namespace zocalo::cli
