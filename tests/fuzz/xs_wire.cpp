// SPDX-License-Identifier: Apache-2.0
// xenstore's byte stream, cut anywhere: the first input byte is the size of the pieces. The reader
// must take each byte once, stay within 4096 bytes and yield the same messages for any cut.
#include "common/xen-proto/xs_wire.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace zocalo::xen;

std::vector<std::string> messages(std::string_view stream, std::size_t step)
{
    XsReader reader;
    std::vector<std::string> seen;
    while (!stream.empty() && !reader.broken()) {
        const std::size_t taken = reader.feed(stream.substr(0, step));
        if (taken == 0 && !reader.broken())
            std::abort();
        stream.remove_prefix(taken);
        XsMessage message;
        if (!reader.message(message))
            continue;
        if (message.payload.size() > kXsPayloadMax)
            std::abort();
        seen.emplace_back(message.payload);
        static_cast<void>(watch_event(message.payload));
        std::string_view rest = message.payload;
        std::string_view word;
        while (next_string(rest, word))
            static_cast<void>(xs_number(word));
    }
    return seen;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size == 0)
        return 0;
    const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (messages(stream, 1U + data[0]) != messages(stream, stream.size()))
        std::abort();
    return 0;
}
