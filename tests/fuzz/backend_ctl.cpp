// SPDX-License-Identifier: Apache-2.0
// The backend control protocol's decoders: whatever decodes must be within bounds and encode again
// to the same bytes.
#include "common/backend-ctl/codec.hpp"

#include <algorithm>
#include <cstdlib>

namespace {

using namespace zocalo::backend;

template <class Frame> void same_again(const Frame& frame, std::span<const std::byte> input)
{
    const auto bytes = encode(frame);
    if (!bytes || !std::equal(bytes->begin(), bytes->end(), input.begin(), input.end()))
        std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const auto input = std::as_bytes(std::span{data, size});
    if (const auto request = decode_request(input))
        same_again(*request, input);
    if (const auto answer = decode_backend(input))
        same_again(*answer, input);
    return 0;
}
