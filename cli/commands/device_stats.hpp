// SPDX-License-Identifier: Apache-2.0
// What backends counted, as people read it: sums, means, and how long nearly all requests took.
#pragma once

#include "common/rpc/views.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace zocalo::cli {

std::uint64_t counter(const rpc::DeviceStats& device, const std::string& name);

// How long requests were in one stage of a disk's backend ("fetch", "medium", "answer"): the counts
// by upper bound in microseconds (powers of two). Empty for other devices.
class StageTimes {
  public:
    StageTimes() = default;
    StageTimes(const rpc::DeviceStats& device, const std::string& stage);

    void add(const StageTimes& other);
    // What came after `before`.
    StageTimes since(const StageTimes& before) const;
    std::uint64_t count() const;
    std::uint64_t mean_us() const;
    // The bound below which so many of a hundred requests were; 0 when there were none.
    std::uint64_t below_us(unsigned percent) const;

  private:
    std::uint64_t sum_{0};
    std::map<std::uint64_t, std::uint64_t> buckets_;
};

// What the devices of one domain did: all disks together, and all cards.
struct DeviceSums {
    std::uint64_t read_bytes{}, written_bytes{}, requests{}, in_flight{};
    std::uint64_t received_bytes{}, sent_bytes{}; // by the guest
    StageTimes medium;
};
DeviceSums sums_of(const std::vector<rpc::DeviceStats>& devices);

} // namespace zocalo::cli
