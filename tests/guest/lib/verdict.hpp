// SPDX-License-Identifier: Apache-2.0
// What a test kernel says: text on its console, and one verdict at the end. A kernel defines
// `test()`; when that returns, the verdict is FAILURE if any check failed, SKIP if skip() was
// called, else SUCCESS. An exception that nobody expected makes it ERROR.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace zocalo::guest {

struct Hex {
    std::uint64_t value;
};
constexpr Hex hex(std::uint64_t value)
{
    return {value};
}

void print_one(std::string_view text);
void print_one(std::int64_t number);
void print_one(Hex number);
inline void print_one(const char* text)
{
    print_one(std::string_view{text});
}

template <class... Parts> void print(const Parts&... parts)
{
    const auto one = [](const auto& part) {
        using T = std::remove_cvref_t<decltype(part)>;
        if constexpr (std::is_integral_v<T>)
            print_one(static_cast<std::int64_t>(part));
        else
            print_one(part);
    };
    (one(parts), ...);
}

void count_failure();

template <class... Parts> bool check(bool holds, const Parts&... what)
{
    if (!holds) {
        count_failure();
        print("failed: ", what..., "\n");
    }
    return holds;
}

// The usual check: what came is what was wanted.
template <class A, class B> bool same(A got, B wanted, std::string_view what)
{
    const auto came = static_cast<std::int64_t>(got), expected = static_cast<std::int64_t>(wanted);
    return check(
        came == expected,
        what,
        ": ",
        came,
        " (",
        hex(static_cast<std::uint64_t>(came)),
        "), wanted ",
        expected
    );
}

// The test cannot be made here; says why.
void skip(std::string_view why);

// From here on the domain must crash: the runner takes its end as the verdict.
void expect_crash(std::string_view why);

[[noreturn]] void end_with_error(std::string_view why);

// What a kernel consists of.
void test();

} // namespace zocalo::guest
