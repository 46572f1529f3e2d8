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

// Pages of one queue that stay mapped, as many as Linux's backend keeps, and for how long unused.
constexpr std::size_t kPersistentGrants = 1056;
constexpr std::chrono::seconds kGrantTimeout{60};
// How often that is looked at, and how many go at a time: an unmapping is a system call each.
constexpr std::chrono::seconds kGrantCheck{20};
constexpr std::size_t kGrantsPerCheck = 256;

// Looks at a ring that its guest keeps filling, before others have their turn.
constexpr int kTurnsAtOnce = 4;

std::uint64_t whole_sectors(const Image& image, const Limits& limits)
{
    const std::uint64_t per_block = limits.sector_size / kSectorBytes;
    return image.sectors() / per_block * per_block;
}

RingIdentity identify(const backend::Connect& request, std::size_t index, std::uint32_t slots)
{
    const backend::Queue& queue = request.queues[index];
    RingIdentity identity{
        request.frontend.value,
        queue.ports[0].value,
        static_cast<std::uint32_t>(request.abi),
        static_cast<std::uint32_t>(queue.refs.size()),
        slots,
        {}};
    for (std::size_t i = 0; i < queue.refs.size(); ++i)
        identity.refs[i] = queue.refs[i].value;
    return identity;
}

} // namespace

Outcome<std::shared_ptr<Device>> Device::create(
    const Surroundings& surroundings,
    backend::AddDisk disk,
    std::unique_ptr<Image> image,
    Journal journal
)
{
    if (disk.sector_size != 512 && disk.sector_size != 4096)
        return Error{Code::usage, "a disk's sector size is 512 or 4096", {}};
    auto buffers = TRY(BufferPool::create(kBufferBytes));
    std::shared_ptr<Device> device{new Device{
        surroundings, std::move(disk), std::move(image), std::move(buffers), std::move(journal)}};
    device->read_limits();
    device->image_.on_completed([raw = device.get()](std::span<const Completion> completions) {
        raw->completed(completions);
    });
    return device;
}

void Device::read_limits()
{
    limits_.sector_size = disk_.sector_size;
    limits_.sectors = whole_sectors(image_, limits_);
    limits_.read_only = disk_.read_only || disk_.cdrom || !image_.writable();
    limits_.discard = disk_.discard && !limits_.read_only && image_.discard_granularity() != 0;
    limits_.secure_discard = limits_.discard && image_.discards_securely();
}

Device::Device(
    const Surroundings& surroundings,
    backend::AddDisk disk,
    std::unique_ptr<Image> image,
    BufferPool buffers,
    Journal journal
)
    : surroundings_{surroundings}, disk_{std::move(disk)},
      image_{surroundings.io, std::move(image)}, buffers_{std::move(buffers)},
      journal_{std::move(journal)}, grants_timer_{surroundings.io}, rate_timer_{surroundings.io}
{
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
    ++(request.resume ? counters_.resumes : counters_.connects);
    if (request.has(backend::Feature::persistent))
        drop_unused_grants();
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
    const RingIdentity identity = identify(request, index, ring->slots());
    const JournalLine journal = journal_.line(index);
    std::vector<std::uint16_t> open;
    if (request.resume)
        open = TRY(resume(journal, identity, *ring));
    else
        JournalLine{journal}.begin(identity);
    if (request.has(backend::Feature::persistent))
        line.pool =
            std::make_unique<GrantPool>(surroundings_.grants, request.frontend, kPersistentGrants);
    line.queue.emplace(
        QueueParts{
            surroundings_.grants,
            image_,
            buffers_,
            counters_,
            journal,
            limits_,
            rate_,
            request.frontend,
            static_cast<std::uint16_t>(index),
            line.pool.get()},
        *ring,
        how
    );
    if (request.resume)
        line.queue->repeat(open);
    line.poll = surroundings_.pump.poll();
    line.port = TRY(surroundings_.pump.bind(
        request.frontend,
        wire.ports[0],
        [this, index] {
            ++counters_.events;
            serve(index);
        },
        [this, &line] {
            return state_ == DeviceState::connected && !line.starved && !line.limited &&
                   line.queue->pending();
        }
    ));
    return Unit{};
}

Outcome<std::vector<std::uint16_t>>
Device::resume(JournalLine journal, const RingIdentity& identity, xen::BackRing& ring)
{
    // The process before died before it had begun: nothing was answered, all requests lie there.
    if (!journal.in_use() && ring.shown() == 0) {
        journal.begin(identity);
        return std::vector<std::uint16_t>{};
    }
    auto found = journal.recover(identity, ring.shown());
    if (!found || !ring.resume(found->taken, found->answered))
        return Error{
            Code::failed,
            disk_.label + ": what the process before left does not fit the guest's ring",
            "the guest sees the disk close; attach it again"};
    return std::move(found->slots);
}

void Device::serve(std::size_t index)
{
    if (state_ != DeviceState::connected)
        return;
    Line& line = lines_[index];
    line.poll.begin();
    Queue::Served served = line.queue->serve();
    look_after(line, served);
    for (int turn = 1; served == Queue::Served::idle && !come_to_rest(line); ++turn) {
        served = turn < kTurnsAtOnce ? line.queue->serve() : Queue::Served::again;
        look_after(line, served);
    }
    if (line.limited)
        wait_for_rate();
    if (served == Queue::Served::again)
        serve_later(index);
    else if (served == Queue::Served::broken)
        stop("the guest's ring claims more requests than it can hold");
}

void Device::look_after(Line& line, Queue::Served served)
{
    line.starved = served == Queue::Served::starved;
    line.limited = served == Queue::Served::limited;
    image_.collect();
    notify(line);
}

// What the medium finishes meanwhile is answered: the guest's next request may wait for it.
bool Device::come_to_rest(Line& line)
{
    const bool more = line.poll.watch(
        [&] {
            image_.collect();
            return line.queue->pending();
        },
        [&] { return surroundings_.pump.others_wait(line.port); }
    );
    return !more && !line.queue->rearm();
}

void Device::measure()
{
    image_.measure();
    take_size();
}

void Device::change_medium(std::unique_ptr<Image> medium, std::function<void()> done)
{
    image_.change(std::move(medium), [this, done = std::move(done)] {
        take_size();
        for (std::size_t i = 0; i < lines_.size(); ++i) // what came meanwhile waits on the rings
            serve_later(i);
        done();
    });
}

void Device::take_size()
{
    const std::uint64_t sectors = whole_sectors(image_, limits_);
    if (sectors == limits_.sectors)
        return;
    limits_.sectors = sectors; // requests beyond a smaller end are refused from now on
    surroundings_.tell(backend::DeviceChanged{disk_.device, connected_nodes()});
}

void Device::set_rate(backend::RateLimit rate, std::string group)
{
    rate_ = std::move(rate);
    group_ = std::move(group);
    for (std::size_t i = 0; i < lines_.size(); ++i)
        if (lines_[i].limited)
            serve_later(i);
}

void Device::wait_for_rate()
{
    rate_timer_.expires_after(rate_.wait());
    rate_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
        const std::shared_ptr<Device> self = weak.lock();
        if (ec || !self)
            return;
        for (std::size_t i = 0; i < self->lines_.size(); ++i)
            if (self->lines_[i].limited)
                self->serve_later(i);
    });
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

void Device::leave(std::function<void()> done)
{
    leaving_ = true;
    disconnect(std::move(done));
}

void Device::finish_drain()
{
    for (const Line& line : lines_)
        if (line.queue && line.queue->in_flight() != 0)
            return;
    for (std::size_t i = 0; i < lines_.size() && !leaving_; ++i)
        journal_.line(i).end();
    close_lines();
    state_ = DeviceState::idle;
    // Not from here: the caller may forget this device, whose image is calling us.
    for (auto& done : std::exchange(waiting_for_drain_, {}))
        boost::asio::post(surroundings_.io, [self = shared_from_this(), done = std::move(done)] {
            done();
        });
}

// Goes on for as long as the connection lasts.
void Device::drop_unused_grants()
{
    grants_timer_.expires_after(kGrantCheck);
    grants_timer_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
        const std::shared_ptr<Device> self = weak.lock();
        if (ec || !self || self->lines_.empty())
            return;
        const auto unused_since = GrantPool::Clock::now() - kGrantTimeout;
        for (Line& line : self->lines_)
            line.pool->drop_unused(unused_since, kGrantsPerCheck);
        self->drop_unused_grants();
    });
}

void Device::close_lines()
{
    ++generation_;
    grants_timer_.cancel();
    rate_timer_.cancel();
    for (Line& line : lines_) {
        if (line.port != EventPort{})
            surroundings_.pump.unbind(line.port);
        line.queue.reset();
    }
    lines_.clear();
    frontend_ = {};
}

} // namespace zocalo::blk
