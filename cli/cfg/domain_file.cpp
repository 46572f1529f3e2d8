// SPDX-License-Identifier: Apache-2.0
#include "cli/cfg/domain_file.hpp"

#include "cli/cfg/document.hpp"
#include "cli/cfg/keys.hpp"
#include "cli/cfg/nearest.hpp"

#include <algorithm>

namespace zocalo::cli::cfg {
namespace {

Error expected(const Key& key)
{
    return Error{Code::usage, "expected " + std::string{name(key.type)}, {}};
}

bool flat(const Value& value)
{
    return std::ranges::none_of(value.list, &Value::is_list);
}

Outcome<Unit> check_type(const Key& key, const Value& value)
{
    const bool list = key.type == KeyType::text_list;
    if (key.type != KeyType::text_or_list && value.is_list != list)
        return expected(key);
    if (!flat(value))
        return expected(key);
    if (key.type == KeyType::number || key.type == KeyType::boolean)
        TRY(to_number(value));
    return Unit{};
}

std::string unknown(const std::string& key)
{
    const auto known = all_key_names();
    const std::string_view near = nearest(key, known);
    std::string text = "unknown key " + key + " is ignored";
    if (!near.empty())
        text += ", did you mean " + std::string{near} + "?";
    return text;
}

// Applies one setting; its warnings get the place of the setting.
Outcome<Unit> apply(Draft& draft, const Setting& setting)
{
    const std::string& source = setting.source;
    const std::size_t before = draft.warnings.size();
    const auto row = std::ranges::find(keys(), setting.key, &Key::name);
    if (row != keys().end()) {
        auto checked = check_type(*row, setting.value);
        if (checked)
            checked = row->set(draft, setting.value);
        if (!checked) {
            const Error& e = checked.error();
            return at(source, setting.value.at, setting.key + ": " + e.what, e.next);
        }
    } else if (std::ranges::find(keys_without_effect(), setting.key) != keys_without_effect().end()) {
        draft.warnings.push_back(setting.key + " has no effect here");
    } else {
        draft.warnings.push_back(unknown(setting.key));
    }
    for (std::size_t i = before; i < draft.warnings.size(); ++i)
        draft.warnings[i] = at(source, setting.at, draft.warnings[i]).what;
    return Unit{};
}

void set_command_line(Draft& draft, const std::string& source)
{
    std::string& line = draft.config.cmdline;
    if (draft.cmdline) {
        line = *draft.cmdline;
        if (draft.root || draft.extra)
            draft.warnings.push_back(source + ": root and extra are ignored, cmdline is given");
        return;
    }
    if (draft.root)
        line = "root=" + *draft.root;
    if (draft.extra)
        line += (line.empty() ? "" : " ") + *draft.extra;
}

// xl pins vCPU n by entry n of a list and leaves the others alone, even when only one is listed.
void spread(std::vector<std::string>& lists, bool per_vcpu, const rpc::DomainConfig& config)
{
    const std::size_t vcpus = std::min<std::size_t>(std::max(config.vcpus, config.maxvcpus), 4096);
    if (!per_vcpu || lists.empty())
        return;
    lists.resize(vcpus, "all");
}

void make_absolute(std::string& path, const std::string& base)
{
    if (!path.empty() && !path.starts_with('/') && !base.empty())
        path.insert(0, base.ends_with('/') ? base : base + "/");
}

// An override is one more line of the file; a bare word is taken as a string, for the shell's sake.
Outcome<Document> parse_override(const std::string& text, const Document& before)
{
    auto document = parse(text, "command line", before);
    if (document)
        return document;
    const std::size_t equals = text.find('=');
    const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (value.empty() || value.find_first_of("\"'[\\\n") != std::string::npos)
        return document;
    auto quoted = parse(text.substr(0, equals + 1) + "\"" + value + "\"", "command line", before);
    return quoted ? quoted : document;
}

} // namespace

Outcome<DomainFile>
read_domain_file(std::string_view text, const std::string& source, const ReadOptions& options)
{
    Document document = TRY(parse(text, source));
    for (const std::string& one : options.overrides)
        document = TRY(parse_override(one, document));
    Draft draft;
    for (const Setting& setting : document.settings)
        TRY(apply(draft, setting));
    set_command_line(draft, source);
    spread(draft.config.cpus, draft.cpus_per_vcpu, draft.config);
    spread(draft.config.cpus_soft, draft.cpus_soft_per_vcpu, draft.config);
    make_absolute(draft.config.kernel, options.base_directory);
    make_absolute(draft.config.ramdisk, options.base_directory);
    if (options.strict && !draft.warnings.empty())
        return Error{Code::usage, draft.warnings.front(), "--strict makes warnings errors"};
    auto resolved = rpc::resolve(std::move(draft.config));
    if (!resolved)
        return Error{
            resolved.error().code, source + ": " + resolved.error().what, resolved.error().next};
    return DomainFile{std::move(resolved).value(), std::move(draft.warnings)};
}

} // namespace zocalo::cli::cfg
