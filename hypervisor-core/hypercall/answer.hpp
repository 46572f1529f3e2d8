// SPDX-License-Identifier: Apache-2.0
// Answer: what a hypercall gives back: a number, an error, or "call me again". TRY works in
// handlers, since an Errno converts to an Answer.
#pragma once

#include "common/base/result.hpp"

#include <array>
#include <cstdint>

namespace zocalo::hv {

// The call made part of the way: the guest repeats it with these arguments (all its state), after
// pending interrupts were served.
struct Continue {
    std::array<std::uint64_t, 5> arguments{};
};

class Answer {
  public:
    enum class Kind : std::uint8_t {
        value,
        again,     // rewind and re-enter with `arguments`
        unchanged, // the call replaced the registers itself (iret)
    };

    constexpr Answer(std::int64_t value) : value_{value} {}
    constexpr Answer(Errno error) : value_{-static_cast<std::int64_t>(error)} {}
    constexpr Answer(Unit) {}
    constexpr Answer(const Continue& next) : arguments_{next.arguments}, kind_{Kind::again} {}
    constexpr Answer(const Result<Unit>& result)
        : value_{result ? 0 : -static_cast<std::int64_t>(result.error())}
    {
    }
    static constexpr Answer unchanged()
    {
        Answer answer{0};
        answer.kind_ = Kind::unchanged;
        return answer;
    }

    friend constexpr bool operator==(const Answer& answer, Errno error)
    {
        return answer.kind_ == Kind::value && answer.value_ == -static_cast<std::int64_t>(error);
    }

    constexpr Kind kind() const { return kind_; }
    constexpr std::int64_t value() const { return value_; }
    constexpr const std::array<std::uint64_t, 5>& arguments() const { return arguments_; }

  private:
    std::int64_t value_{};
    std::array<std::uint64_t, 5> arguments_{};
    Kind kind_{Kind::value};
};

} // namespace zocalo::hv
