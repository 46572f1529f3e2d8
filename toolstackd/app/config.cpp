// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/config.hpp"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <variant>

namespace zocalo::toolstack {
namespace {

// One key: where its value goes, and the numbers it may have.
struct Key {
    const char *section, *name;
    std::variant<
        std::string Config::*,
        bool Config::*,
        std::uint64_t Config::*,
        std::optional<std::uint64_t> Config::*>
        member;
    std::int64_t least{}, most{};
};

const Key kKeys[] = {
    {"daemon", "log_level", &Config::log_level},
    {"daemon", "state_folder", &Config::state_folder},
    {"daemon", "cache_folder", &Config::cache_folder},
    {"daemon", "run_folder", &Config::run_folder},
    {"daemon", "stop_limit_s", &Config::stop_limit_s, 1, 600},
    {"api", "socket", &Config::socket},
    {"api", "admin_group", &Config::admin_group},
    {"api", "read_group", &Config::read_group},
    {"api", "connections_per_user", &Config::connections_per_user, 1, 10'000},
    {"api", "connections", &Config::connections, 1, 10'000},
    {"console", "log_folder", &Config::console_log_folder},
    {"console", "history_kib", &Config::console_history_kib, 4, 65'536},
    {"console", "log_kib", &Config::console_log_kib, 16, 1 << 20},
    {"console", "log_files", &Config::console_log_files, 1, 100},
    {"console", "rate_kib", &Config::console_rate_kib, 16, 1 << 20},
    {"backends", "user", &Config::backend_user},
    {"backends", "blkback", &Config::blkback},
    {"backends", "netback", &Config::netback},
    {"backends", "scopes", &Config::backend_scopes},
    {"backends", "own_users", &Config::backend_own_users},
    {"backends", "priority", &Config::backend_priority, 0, 20},
    {"backends", "poll_us", &Config::backend_poll_us, 0, 10'000},
    {"backends", "disk_engine", &Config::disk_engine},
    {"dumps", "folder", &Config::dump_folder},
    {"dumps", "program", &Config::dump_program},
    {"dumps", "file_mib", &Config::dump_file_mib, 1, 1 << 24},
    {"dumps", "total_mib", &Config::dump_total_mib, 1, 1 << 24},
    {"dumps", "files", &Config::dump_files, 1, 1000},
    {"dumps", "leave_free_mib", &Config::dump_leave_free_mib, 0, 1 << 24},
};

Error at(const std::string& origin, const toml::source_region& where, std::string what)
{
    return Error{
        Code::usage,
        origin + ":" + std::to_string(where.begin.line) + ": " + std::move(what),
        "see toolstackd(8)"};
}

const Key* find_key(std::string_view section, std::string_view name)
{
    for (const Key& key : kKeys)
        if (section == key.section && name == key.name)
            return &key;
    return nullptr;
}

Outcome<Unit>
set(Config& config, const Key& key, const toml::node& value, const std::string& origin)
{
    if (const auto* text = std::get_if<std::string Config::*>(&key.member)) {
        if (!value.is_string())
            return at(origin, value.source(), std::string(key.name) + " is a string");
        config.** text = value.as_string()->get();
    } else if (const auto* flag = std::get_if<bool Config::*>(&key.member)) {
        if (!value.is_boolean())
            return at(origin, value.source(), std::string(key.name) + " is true or false");
        config.** flag = value.as_boolean()->get();
    } else {
        const std::int64_t number = value.is_integer() ? value.as_integer()->get() : -1;
        if (number < key.least || number > key.most)
            return at(
                origin,
                value.source(),
                std::string(key.name) + " is a number from " + std::to_string(key.least) + " to " +
                    std::to_string(key.most)
            );
        if (const auto* plain = std::get_if<std::uint64_t Config::*>(&key.member))
            config.** plain = static_cast<std::uint64_t>(number);
        else
            config.*std::get<std::optional<std::uint64_t> Config::*>(key.member) =
                static_cast<std::uint64_t>(number);
    }
    return Unit{};
}

Outcome<Unit> set_section(
    Config& config, std::string_view name, const toml::node& node, const std::string& origin
)
{
    const auto* table = node.as_table();
    if (table == nullptr)
        return at(origin, node.source(), "'" + std::string(name) + "' is outside of a section");
    for (const auto& [key_name, value] : *table) {
        const Key* key = find_key(name, key_name.str());
        if (key == nullptr)
            return at(
                origin,
                value.source(),
                "unknown key '" + std::string(key_name.str()) + "' in [" + std::string(name) + "]"
            );
        TRY(set(config, *key, value, origin));
    }
    return Unit{};
}

constexpr std::array kLevels{
    std::pair{"error", LogLevel::error},
    std::pair{"warning", LogLevel::warning},
    std::pair{"notice", LogLevel::notice},
    std::pair{"info", LogLevel::info},
    std::pair{"debug", LogLevel::debug},
};

Outcome<Unit> check(const Config& config, const std::string& origin)
{
    bool known = false;
    for (const auto& [word, level] : kLevels)
        known |= config.log_level == word;
    if (!known)
        return Error{
            Code::usage,
            origin + ": log_level is one of error, warning, notice, info, debug",
            "see toolstackd(8)"};
    if (config.disk_engine != "libaio" && config.disk_engine != "io_uring")
        return Error{
            Code::usage,
            origin + ": disk_engine is libaio or io_uring, not '" + config.disk_engine + "'",
            "see toolstackd(8)"};
    for (const auto* path :
         {&config.state_folder,
          &config.cache_folder,
          &config.run_folder,
          &config.socket,
          &config.console_log_folder,
          &config.blkback,
          &config.netback,
          &config.dump_folder,
          &config.dump_program})
        if (path->empty() || path->front() != '/')
            return Error{
                Code::usage,
                origin + ": '" + *path + "' is not an absolute path",
                "see toolstackd(8)"};
    return Unit{};
}

} // namespace

LogLevel Config::level() const
{
    for (const auto& [word, level] : kLevels)
        if (log_level == word)
            return level;
    return LogLevel::info;
}

Outcome<Config> parse_config(std::string_view text, const std::string& origin)
{
    const toml::parse_result parsed = toml::parse(text, origin);
    if (!parsed)
        return at(origin, parsed.error().source(), std::string(parsed.error().description()));
    Config config;
    for (const auto& [name, node] : parsed.table())
        TRY(set_section(config, name.str(), node, origin));
    TRY(check(config, origin));
    return config;
}

Outcome<Config> load_config(const std::string& path)
{
    std::ifstream file(path);
    if (!file && errno == ENOENT && path == kConfigPath)
        return Config{};
    if (!file)
        return system_error("cannot read " + path, errno, "give --config=FILE");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return parse_config(text, path);
}

} // namespace zocalo::toolstack
