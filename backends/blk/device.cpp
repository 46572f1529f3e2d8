// SPDX-License-Identifier: Apache-2.0
#include "backends/blk/device.hpp"

#include "backends/common/log.hpp"

#include <boost/asio/post.hpp>

#include <bit>
#include <cstring>
#include <utility>

namespace zocalo::blk {

using backend::DeviceState;
using backend::Level;

namespace {

// Of one disk's data on its way: 32 requests of 128 KiB, what Linux's blkfront keeps in flight,
// twice.
constexpr std::size_t kBufferBytes = std::size_t{8} << 20;

std::string number(std::uint64_t value)
{
    return std::to_string(value);
}

} // namespace

Outcome<std::shared_ptr<Device>> Device::create(
    const Surroundings& surroundings, backend::AddDisk disk, std::unique_ptr<Image> image
)
{
    if (disk.sector_size != 512 && disk.sector_size != 4096)
        return Error{Code::usage, "a disk's sector size is 512 or 4096", {}};
    auto buffers = TRY(BufferPool::create(kBufferBytes));
    std::shared_ptr<Device> device{new Device{surroundings, std::move(disk), std::move(buffers)}};
    device->image_ = std::move(image);
    const std::uint64_t per_block = device->disk_.sector_size / kSectorBytes;
    device->limits_ = Limits{
        device->image_->sectors() / per_block * per_block,
        device->disk_.sector_size,
        device->disk_.read_only || !device->image_->writable()};
    device->image_->on_completed([raw = device.get()](std::span<const Completion> completions) {
        raw->completed(completions);
    });
    return device;
}

Device::Device(const Surroundings& surroundings, backend::AddDisk disk, BufferPool buffers)
    : surroundings_{surroundings}, disk_{std::move(disk)}, buffers_{std::move(buffers)}
{
}

backend::Ready Device::ready() const
{
    return {
        disk_.device,
        {{"feature-flush-cache", "1"},
         {"feature-barrier", "0"},
         {"feature-discard", "0"},
         {"feature-persistent", "0"},
         {"feature-max-indirect-segments", number(kMaxSegments)},
         {"max-ring-page-order", number(std::bit_width(backend::kMaxRefsPerQueue) - 1)}},
        connected_nodes()};
}

std::vector<backend::Node> Device::connected_nodes() const
{
    const unsigned info =
        (disk_.cdrom ? VDISK_CDROM : 0u) | (limits_.read_only ? VDISK_READONLY : 0u);
    return {
        {"sectors", number(limits_.sectors)},
        {"sector-size", number(limits_.sector_size)},
        {"physical-sector-size", number(std::max(image_->physical_block(), limits_.sector_size))},
        {"info", number(info)}};
}

backend::Device Device::describe() const
{
    backend::Ready nodes = ready();
    return {disk_.device, state_, frontend_, std::move(nodes.features), std::move(nodes.connected)};
}

backend::Stats Device::stats() const
{
    return {disk_.device, counters_.list()};
}

Outcome<Unit> Device::connect(const backend::Connect& request)
{
    if (state_ != DeviceState::idle)
        return Error{Code::conflict, "the disk is connected already", "disconnect it first"};
    if (request.queues.empty() || request.queues.size() > kMaxQueues)
        return Error{Code::usage, "a disk has one to four queues", {}};
    lines_ = std::vector<Line>(request.queues.size());
    frontend_ = request.frontend;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        auto opened = open_line(request, i);
        if (!opened) {
            close_lines();
            return opened.error();
        }
    }
    state_ = DeviceState::connected;
    ++counters_.connects;
    // Requests may lie there already, their event spent before the port was bound.
    for (std::size_t i = 0; i < lines_.size(); ++i)
        serve_later(i);
    return Unit{};
}

Outcome<Unit> Device::open_line(const backend::Connect& request, std::size_t index)
{
    const backend::Queue& wire = request.queues[index];
    if (wire.refs.empty() || !std::has_single_bit(wire.refs.size()) || wire.ports.size() != 1)
        return Error{Code::usage, "a disk's ring has 1, 2, 4, 8 or 16 pages and one port", {}};
    Line& line = lines_[index];
    line.pages = TRY(surroundings_.grants.map(request.frontend, wire.refs));
    const Layout& how = layout(request.abi);
    auto ring = xen::BackRing::attach(line.pages.bytes(), how.slot);
    if (!ring)
        return Error{Code::failed, "the ring's pages hold no request", {}};
    line.queue.emplace(
        QueueParts{
            surroundings_.grants,
            *image_,
            buffers_,
            counters_,
            limits_,
            request.frontend,
            static_cast<std::uint16_t>(index)},
        *ring,
        how
    );
    line.port = TRY(surroundings_.pump.bind(request.frontend, wire.ports[0], [this, index] {
        ++counters_.events;
        serve(index);
    }));
    return Unit{};
}

void Device::serve(std::size_t index)
{
    if (state_ != DeviceState::connected)
        return;
    Line& line = lines_[index];
    const Queue::Served served = line.queue->serve();
    line.starved = served == Queue::Served::starved;
    notify(line);
    if (served == Queue::Served::again)
        serve_later(index);
    else if (served == Queue::Served::broken)
        stop("the guest's ring claims more requests than it can hold");
}

// Through the event loop: a busy disk must not keep the others and the daemon waiting.
void Device::serve_later(std::size_t index)
{
    if (std::exchange(lines_[index].posted, true))
        return;
    boost::asio::post(surroundings_.io, [weak = weak_from_this(), index, generation = generation_] {
        const std::shared_ptr<Device> self = weak.lock();
        if (!self || self->generation_ != generation)
            return;
        self->lines_[index].posted = false;
        self->serve(index);
    });
}

void Device::completed(std::span<const Completion> completions)
{
    for (const Completion& c : completions) {
        lines_[Queue::queue_of(c.tag)].queue->complete(Queue::slot_of(c.tag), c.error);
        if (c.error != 0)
            backend::log(
                Level::error, disk_.label + ": the image fails: " + std::strerror(c.error)
            );
    }
    for (std::size_t i = 0; i < lines_.size(); ++i) {
        lines_[i].queue->flush();
        if (lines_[i].starved)
            serve(i);
        else
            notify(lines_[i]);
    }
    if (state_ == DeviceState::draining)
        finish_drain();
}

void Device::notify(Line& line)
{
    if (!line.queue->take_notify())
        return;
    ++counters_.notifications;
    surroundings_.pump.notify(line.port);
}

void Device::stop(const std::string& reason)
{
    state_ = DeviceState::stopped;
    backend::log(Level::error, disk_.label + ": stopped: " + reason);
    surroundings_.tell(backend::DeviceStopped{disk_.device, reason});
}

void Device::disconnect(std::function<void()> done)
{
    waiting_for_drain_.push_back(std::move(done));
    state_ = DeviceState::draining;
    finish_drain();
}

void Device::finish_drain()
{
    for (const Line& line : lines_)
        if (line.queue && line.queue->in_flight() != 0)
            return;
    close_lines();
    state_ = DeviceState::idle;
    // Not from here: the caller may forget this device, whose image is calling us.
    for (auto& done : std::exchange(waiting_for_drain_, {}))
        boost::asio::post(surroundings_.io, [self = shared_from_this(), done = std::move(done)] {
            done();
        });
}

void Device::close_lines()
{
    ++generation_;
    for (Line& line : lines_) {
        if (line.port != EventPort{})
            surroundings_.pump.unbind(line.port);
        line.queue.reset();
    }
    lines_.clear();
    frontend_ = {};
}

} // namespace zocalo::blk
