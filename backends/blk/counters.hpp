// SPDX-License-Identifier: Apache-2.0
// What a disk counts; sent to toolstackd as they are. Plain sums since the device was added.
#pragma once

#include "common/backend-ctl/messages.hpp"

#include <cstdint>
#include <vector>

namespace zocalo::blk {

struct Counters {
    std::uint64_t read_requests{};
    std::uint64_t read_bytes{};
    std::uint64_t write_requests{};
    std::uint64_t write_bytes{};
    std::uint64_t flush_requests{};
    std::uint64_t indirect_requests{};
    std::uint64_t refused_requests{}; // malformed or out of bounds: the guest's mistake
    std::uint64_t io_errors{};        // the medium's
    std::uint64_t grant_errors{};     // the guest's pages could not be copied
    std::uint64_t grant_calls{};
    std::uint64_t grant_copies{};
    std::uint64_t events{};        // kicks from the guest
    std::uint64_t notifications{}; // kicks to the guest
    std::uint64_t starved{};       // a request had to wait for a buffer or for the medium
    std::uint64_t connects{};

    std::vector<backend::Counter> list() const
    {
        return {
            {"read_requests", read_requests},
            {"read_bytes", read_bytes},
            {"write_requests", write_requests},
            {"write_bytes", write_bytes},
            {"flush_requests", flush_requests},
            {"indirect_requests", indirect_requests},
            {"refused_requests", refused_requests},
            {"io_errors", io_errors},
            {"grant_errors", grant_errors},
            {"grant_calls", grant_calls},
            {"grant_copies", grant_copies},
            {"events", events},
            {"notifications", notifications},
            {"starved", starved},
            {"connects", connects},
        };
    }
};

} // namespace zocalo::blk
