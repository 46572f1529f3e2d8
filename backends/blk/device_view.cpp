// SPDX-License-Identifier: Apache-2.0
// What a device says of itself: to the guest through xenstore, and to toolstackd.
#include "backends/blk/device.hpp"

#include <bit>

namespace zocalo::blk {
namespace {

std::string number(std::uint64_t value)
{
    return std::to_string(value);
}

} // namespace

backend::Ready Device::ready() const
{
    std::vector<backend::Node> features{
        {"feature-flush-cache", "1"},
        {"feature-barrier", "1"},
        {"feature-discard", limits_.discard ? "1" : "0"},
        {"feature-persistent", "1"},
        {"feature-max-indirect-segments", number(kMaxSegments)},
        {"multi-queue-max-queues", number(kMaxQueues)},
        {"max-ring-page-order", number(std::bit_width(backend::kMaxRefsPerQueue) - 1)}};
    if (limits_.discard) {
        const std::uint32_t granularity =
            std::max(image_.discard_granularity(), limits_.sector_size);
        features.push_back({"discard-granularity", number(granularity)});
        features.push_back({"discard-alignment", "0"});
        features.push_back({"discard-secure", limits_.secure_discard ? "1" : "0"});
    }
    return {disk_.device, std::move(features), connected_nodes()};
}

std::vector<backend::Node> Device::connected_nodes() const
{
    const unsigned info =
        (disk_.cdrom ? VDISK_CDROM : 0u) | (limits_.read_only ? VDISK_READONLY : 0u);
    return {
        {"sectors", number(limits_.sectors)},
        {"sector-size", number(limits_.sector_size)},
        {"physical-sector-size", number(std::max(image_.physical_block(), limits_.sector_size))},
        {"info", number(info)}};
}

backend::Device Device::describe() const
{
    backend::Ready nodes = ready();
    return {disk_.device, state_, frontend_, std::move(nodes.features), std::move(nodes.connected)};
}

backend::Stats Device::stats() const
{
    backend::Stats stats{disk_.device, counters_.list()};
    std::uint64_t in_flight = 0;
    std::uint64_t mapped = 0;
    for (const Line& line : lines_) {
        in_flight += line.queue ? line.queue->in_flight() : 0;
        mapped += line.pool ? line.pool->mapped() : 0;
    }
    stats.counters.push_back({"queues", lines_.size()});
    stats.counters.push_back({"in_flight", in_flight});
    stats.counters.push_back({"persistent_grants", mapped});
    stats.counters.push_back({"buffer_pages", buffers_.pages_in_use()});
    stats.counters.push_back({"io_uring", surroundings_.ring != nullptr}); // else libaio
    return stats;
}

} // namespace zocalo::blk
