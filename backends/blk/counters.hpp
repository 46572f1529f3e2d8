// SPDX-License-Identifier: Apache-2.0
// What a disk counts; sent to toolstackd as they are. Plain sums since the device was added.
#pragma once

#include "backends/blk/histogram.hpp"
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
    std::uint64_t barrier_requests{};
    std::uint64_t discard_requests{};
    std::uint64_t discard_bytes{};
    std::uint64_t indirect_requests{};
    std::uint64_t refused_requests{}; // malformed or out of bounds: the guest's mistake
    std::uint64_t io_errors{};        // the medium's
    std::uint64_t grant_errors{};     // the guest's pages could not be copied
    std::uint64_t grant_calls{};
    std::uint64_t grant_copies{};
    std::uint64_t events{};        // kicks from the guest
    std::uint64_t notifications{}; // kicks to the guest
    std::uint64_t limited{};       // a request had to wait for the disk's rate
    std::uint64_t starved{};       // a request had to wait for a buffer or for the medium
    std::uint64_t connects{};
    std::uint64_t resumes{};             // connections taken over from a process before
    std::uint64_t repeated{};            // requests it had under way
    std::uint64_t persistent_segments{}; // moved through a page that stays mapped
    Histogram fetch;                     // from the ring until the medium has it
    Histogram medium;                    // in the medium
    Histogram answer;                    // from there until the guest sees the answer

    std::vector<backend::Counter> list() const
    {
        std::vector<backend::Counter> counters{
            {"read_requests", read_requests},
            {"read_bytes", read_bytes},
            {"write_requests", write_requests},
            {"write_bytes", write_bytes},
            {"flush_requests", flush_requests},
            {"barrier_requests", barrier_requests},
            {"discard_requests", discard_requests},
            {"discard_bytes", discard_bytes},
            {"indirect_requests", indirect_requests},
            {"refused_requests", refused_requests},
            {"io_errors", io_errors},
            {"grant_errors", grant_errors},
            {"grant_calls", grant_calls},
            {"grant_copies", grant_copies},
            {"events", events},
            {"notifications", notifications},
            {"limited", limited},
            {"starved", starved},
            {"connects", connects},
            {"resumes", resumes},
            {"repeated", repeated},
            {"persistent_segments", persistent_segments},
        };
        fetch.list("fetch", counters);
        medium.list("medium", counters);
        answer.list("answer", counters);
        return counters;
    }
};

} // namespace zocalo::blk
