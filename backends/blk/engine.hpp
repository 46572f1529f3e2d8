// SPDX-License-Identifier: Apache-2.0
// Engine: how the kernel is asked for the blocks of raw images; chosen by `disk_engine` in
// toolstackd.toml for the processes that start from then on.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace zocalo::blk {

enum class Engine : std::uint8_t { libaio, io_uring };

constexpr std::string_view name(Engine engine)
{
    return engine == Engine::libaio ? "libaio" : "io_uring";
}

constexpr std::optional<Engine> engine_named(std::string_view text)
{
    for (const Engine engine : {Engine::libaio, Engine::io_uring})
        if (text == name(engine))
            return engine;
    return std::nullopt;
}

} // namespace zocalo::blk
