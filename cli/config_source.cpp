// SPDX-License-Identifier: Apache-2.0
#include "cli/config_source.hpp"

#include "cli/cfg/document.hpp"
#include "cli/cfg/domain_file.hpp"

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace zocalo::cli {
namespace {

constexpr std::array<Option, 2> kConfigOptions{{
    {'f', "defconfig", "FILE", "Read FILE; the same as naming it first"},
    {0, "strict", "", "Take warnings about the configuration as errors"},
}};

Outcome<std::string> read_all(std::istream& in, std::size_t limit, const std::string& path)
{
    std::string text;
    std::array<char, 16384> piece{};
    while (in.read(piece.data(), piece.size()) || in.gcount() > 0) {
        text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > limit)
            return Error{
                Code::usage, path + " is larger than " + std::to_string(limit) + " bytes", {}};
    }
    return text;
}

bool is_override(const std::string& word)
{
    const std::size_t equals = word.find('=');
    return equals != std::string::npos && word.find('/') > equals;
}

} // namespace

std::span<const Option> config_options()
{
    return kConfigOptions;
}

Outcome<std::string> read_file(const std::string& path, std::size_t limit)
{
    if (path == "-")
        return read_all(std::cin, limit, "standard input");
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
        return Error{Code::usage, "cannot read " + path + ": it is a directory", {}};
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) {
        const int reason = errno == 0 ? EIO : errno;
        Error error = system_error("cannot read " + path, reason, "check the path");
        if (reason == ENOENT)
            error.code = Code::not_found;
        return error;
    }
    return read_all(file, limit, path);
}

Outcome<rpc::DomainConfig>
config_from_words(const Args& args, std::size_t first, const Session& session)
{
    std::string path = args.value("defconfig").value_or("");
    cfg::ReadOptions options;
    options.strict = args.has("strict");
    for (std::size_t i = first; i < args.positional.size(); ++i) {
        const std::string& word = args.positional[i];
        if (is_override(word))
            options.overrides.push_back(word);
        else if (path.empty())
            path = word;
        else
            return Error{
                Code::usage, "both " + path + " and " + word + " are named as configuration", {}};
    }
    if (path.empty() && options.overrides.empty())
        return Error{Code::usage, "no configuration file is named", "see --help"};
    std::error_code ignored;
    options.base_directory = std::filesystem::current_path(ignored).string();
    const std::string text = path.empty() ? "" : TRY(read_file(path, cfg::kMaxFile));
    const std::string source = path == "-" ? "standard input" : path;
    auto file = TRY(cfg::read_domain_file(text, source.empty() ? "command line" : source, options));
    for (const std::string& warning : file.warnings)
        session.warn(warning);
    return std::move(file.config);
}

} // namespace zocalo::cli
