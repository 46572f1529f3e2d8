// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/device_stats.hpp"

#include <charconv>
#include <string_view>

namespace zocalo::cli {

std::uint64_t counter(const rpc::DeviceStats& device, const std::string& name)
{
    const auto* value = device.counters.if_contains(name);
    return value != nullptr && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

StageTimes::StageTimes(const rpc::DeviceStats& device, const std::string& stage)
    : sum_{counter(device, stage + "_us_sum")}
{
    const std::string beginning = stage + "_us_lt_";
    for (const auto& [key, value] : device.counters) {
        const std::string_view name{key.data(), key.size()};
        if (!name.starts_with(beginning) || !value.is_number())
            continue;
        std::uint64_t bound{};
        std::from_chars(name.data() + beginning.size(), name.data() + name.size(), bound);
        buckets_[bound] += value.to_number<std::uint64_t>();
    }
}

void StageTimes::add(const StageTimes& other)
{
    sum_ += other.sum_;
    for (const auto& [bound, count] : other.buckets_)
        buckets_[bound] += count;
}

StageTimes StageTimes::since(const StageTimes& before) const
{
    StageTimes rest;
    // A backend that was replaced counts from nothing again.
    rest.sum_ = sum_ >= before.sum_ ? sum_ - before.sum_ : sum_;
    for (const auto& [bound, count] : buckets_) {
        const auto old = before.buckets_.find(bound);
        const std::uint64_t had = old == before.buckets_.end() ? 0 : old->second;
        rest.buckets_[bound] = count >= had ? count - had : count;
    }
    return rest;
}

std::uint64_t StageTimes::count() const
{
    std::uint64_t count = 0;
    for (const auto& [bound, n] : buckets_)
        count += n;
    return count;
}

std::uint64_t StageTimes::mean_us() const
{
    const std::uint64_t n = count();
    return n == 0 ? 0 : sum_ / n;
}

std::uint64_t StageTimes::below_us(unsigned percent) const
{
    const std::uint64_t all = count();
    std::uint64_t seen = 0;
    for (const auto& [bound, n] : buckets_) {
        seen += n;
        if (n > 0 && seen * 100 >= all * percent)
            return bound;
    }
    return 0;
}

DeviceSums sums_of(const std::vector<rpc::DeviceStats>& devices)
{
    DeviceSums sums;
    for (const rpc::DeviceStats& device : devices) {
        sums.read_bytes += counter(device, "read_bytes");
        sums.written_bytes += counter(device, "write_bytes");
        for (const char* kind : {"read_requests", "write_requests", "flush_requests"})
            sums.requests += counter(device, kind);
        sums.in_flight += counter(device, "in_flight");
        sums.received_bytes += counter(device, "rx_bytes");
        sums.sent_bytes += counter(device, "tx_bytes");
        sums.medium.add(StageTimes{device, "medium"});
    }
    return sums;
}

} // namespace zocalo::cli
