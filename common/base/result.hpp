// SPDX-License-Identifier: Apache-2.0
// Result<T, E>: a value or the reason why there is none. Used by freestanding and hosted code
// alike; it allocates nothing, throws nothing, and knows no particular error type but the default,
// Errno.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace zocalo {

// The errors freestanding code answers with: Xen's numbers (public/errno.h), so that a hypercall
// can return the negated value unchanged.
enum class Errno : int {
    perm = 1,
    noent = 2,
    srch = 3,
    io = 5,
    toobig = 7,
    again = 11,
    nomem = 12,
    acces = 13,
    fault = 14,
    busy = 16,
    exist = 17,
    nodev = 19,
    inval = 22,
    nospc = 28,
    range = 34,
    nosys = 38,
    nodata = 61,
    overflow = 75,
    opnotsupp = 95,
};

// What a Result without a payload carries.
struct Unit {
    friend constexpr bool operator==(Unit, Unit) = default;
};

template <class T, class E = Errno> class [[nodiscard]] Result {
  public:
    using value_type = T;
    using error_type = E;

    // Parentheses: braces would pick initializer-list constructors (JSON would become an array).
    constexpr Result(T value) : value_(std::move(value)), ok_{true} {}
    constexpr Result(E error) : error_(std::move(error)), ok_{false} {}

    constexpr Result(const Result& other) : nothing_{}, ok_{other.ok_} { construct_from(other); }
    constexpr Result(Result&& other) noexcept : nothing_{}, ok_{other.ok_}
    {
        construct_from(std::move(other));
    }
    constexpr Result& operator=(Result other) noexcept
    {
        clear();
        ok_ = other.ok_;
        construct_from(std::move(other));
        return *this;
    }
    constexpr ~Result() { clear(); }

    constexpr explicit operator bool() const { return ok_; }
    constexpr bool has_value() const { return ok_; }

    // Only with a value, respectively only without one: like std::optional's operator*, unchecked.
    constexpr T& value() & { return value_; }
    constexpr const T& value() const& { return value_; }
    constexpr T&& value() && { return std::move(value_); }
    constexpr E& error() & { return error_; }
    constexpr const E& error() const& { return error_; }
    constexpr E&& error() && { return std::move(error_); }

    constexpr T& operator*() { return value_; }
    constexpr const T& operator*() const { return value_; }
    constexpr T* operator->() { return &value_; }
    constexpr const T* operator->() const { return &value_; }

    constexpr T value_or(T otherwise) const { return ok_ ? value_ : std::move(otherwise); }

  private:
    template <class Other> constexpr void construct_from(Other&& other)
    {
        if (ok_)
            std::construct_at(&value_, std::forward<Other>(other).value());
        else
            std::construct_at(&error_, std::forward<Other>(other).error());
    }
    constexpr void clear()
    {
        if (ok_)
            value_.~T();
        else
            error_.~E();
    }

    struct Nothing {};
    union {
        Nothing nothing_;
        T value_;
        E error_;
    };
    bool ok_;
};

} // namespace zocalo

// Yields the value or returns the error from the enclosing function. Not for `co_await`
// expressions: GCC 12 crashes on those inside a statement expression (docs/common-errors.md).
#define TRY(expression)                                                                            \
    ({                                                                                             \
        auto&& try_result_ = (expression);                                                         \
        if (!try_result_)                                                                          \
            return std::move(try_result_).error();                                                 \
        std::move(try_result_).value();                                                            \
    })
