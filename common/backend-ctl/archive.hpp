// SPDX-License-Identifier: Apache-2.0
// The two ends of one field list: codec.cpp describes each message once, as fields(archive,
// message), and runs the description with a Writer or a Reader. Private to backend-ctl.
#pragma once

#include "common/backend-ctl/codec.hpp"

#include <concepts>
#include <cstdint>
#include <string>

namespace zocalo::backend {

// Text for people: bytes below space would forge log lines, so they do not travel.
inline bool is_text(char c)
{
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
}

class Writer {
  public:
    static constexpr bool kReads = false;

    template <std::unsigned_integral T> void number(T& value)
    {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            bytes_.push_back(static_cast<std::byte>(value >> (8 * i)));
    }
    // People's text is cut and cleaned; nothing depends on it.
    void text(std::string& value, std::size_t most)
    {
        std::string clean = value.substr(0, most);
        for (char& c : clean)
            c = is_text(c) ? c : ' ';
        raw(clean);
    }
    void exact(std::string& value, std::size_t most)
    {
        if (value.size() > most)
            fail("a string of " + std::to_string(value.size()) + " bytes");
        raw(value.substr(0, most));
    }
    template <class T, class Each> void list(std::vector<T>& items, std::size_t most, Each&& each)
    {
        if (items.size() > most)
            return fail("a list of " + std::to_string(items.size()));
        auto count = static_cast<std::uint16_t>(items.size());
        number(count);
        for (T& item : items)
            each(item);
    }
    void check(bool good, const char* what)
    {
        if (!good)
            fail(what);
    }
    void fail(std::string what)
    {
        if (error_.empty())
            error_ = std::move(what);
    }
    const std::string& error() const { return error_; }
    Bytes take() { return std::move(bytes_); }

  private:
    void raw(const std::string& value)
    {
        auto size = static_cast<std::uint16_t>(value.size());
        number(size);
        for (char c : value)
            bytes_.push_back(static_cast<std::byte>(c));
    }
    Bytes bytes_;
    std::string error_;
};

class Reader {
  public:
    static constexpr bool kReads = true;

    explicit Reader(std::span<const std::byte> bytes) : left_{bytes} {}

    template <std::unsigned_integral T> void number(T& value)
    {
        value = 0;
        if (left_.size() < sizeof(T))
            return fail("it ends too early");
        for (std::size_t i = 0; i < sizeof(T); ++i)
            value = static_cast<T>(value | static_cast<T>(static_cast<T>(left_[i]) << (8 * i)));
        left_ = left_.subspan(sizeof(T));
    }
    void text(std::string& value, std::size_t most)
    {
        exact(value, most);
        for (char c : value)
            check(is_text(c), "control characters in a text");
    }
    void exact(std::string& value, std::size_t most)
    {
        std::uint16_t size = 0;
        number(size);
        if (size > most || size > left_.size())
            return fail("a string is too long");
        value.assign(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            value[i] = static_cast<char>(left_[i]);
        left_ = left_.subspan(size);
    }
    template <class T, class Each> void list(std::vector<T>& items, std::size_t most, Each&& each)
    {
        std::uint16_t count = 0;
        number(count);
        if (count > most)
            return fail("a list is too long");
        for (std::size_t i = 0; i < count && error_.empty(); ++i)
            each(items.emplace_back());
    }
    void check(bool good, const char* what)
    {
        if (!good)
            fail(what);
    }
    void fail(std::string what)
    {
        if (error_.empty())
            error_ = std::move(what);
        left_ = {};
    }
    const std::string& error() const { return error_; }
    bool at_end() const { return left_.empty(); }

  private:
    std::span<const std::byte> left_;
    std::string error_;
};

} // namespace zocalo::backend
