// SPDX-License-Identifier: Apache-2.0
// Device: one virtual disk: its image, its buffers and, while a frontend is connected, its queues.
// It carries events to queues and completions back, stops when a ring turns out hostile, and drains
// before it lets go of a guest's pages. disk_service owns the devices.
#pragma once

#include "backends/blk/counters.hpp"
#include "backends/blk/drive.hpp"
#include "backends/blk/image.hpp"
#include "backends/blk/journal.hpp"
#include "backends/blk/queue.hpp"
#include "backends/common/event_pump.hpp"
#include "backends/common/worker.hpp"
#include "common/backend-ctl/messages.hpp"
#include "common/xen-sys/grant_table.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace zocalo::blk {

class Uring;

class Device : public std::enable_shared_from_this<Device> {
  public:
    // What all disks of a process share; outlives them.
    struct Surroundings {
        boost::asio::io_context& io;
        backend::EventPump& pump;
        xen::GrantTable& grants;
        backend::Worker& worker;
        std::function<void(backend::Event)> tell;
        Uring* ring{}; // null: images are served through libaio
    };

    static Outcome<std::shared_ptr<Device>> create(
        const Surroundings& surroundings,
        backend::AddDisk disk,
        std::unique_ptr<Image> image,
        Journal journal
    );

    backend::Ready ready() const;
    backend::Device describe() const;
    backend::Stats stats() const;

    // Looks at the image's size again; tells toolstackd when it is another one.
    void measure();

    // Another medium, or null for none, once what is under way has ended; then `done`.
    void change_medium(std::unique_ptr<Image> medium, std::function<void()> done);

    // From now on; a debt made before is forgotten. `group` is empty or names the disks that hold
    // the same limit.
    void set_rate(backend::RateLimit rate, std::string group = {});
    const std::string& group() const { return group_; }
    const backend::AddDisk& disk() const { return disk_; }

    // Maps the rings and serves; with `resume`, from where the journal says the process before
    // stopped. On an error nothing is mapped.
    Outcome<Unit> connect(const backend::Connect& request);
    // Finishes what is in flight, unmaps, then has the event loop call `done`.
    void disconnect(std::function<void()> done);
    // As disconnect(), but the next process may resume: for one that is told to end.
    void leave(std::function<void()> done);

  private:
    // One queue, its pages and its port; the queue goes before the pages.
    struct Line {
        xen::GrantMapping pages;
        std::unique_ptr<GrantPool> pool;
        std::optional<Queue> queue;
        EventPort port;
        backend::Poll poll;
        bool starved = false;
        bool limited = false;
        bool posted = false; // a further turn is in the event loop
    };

    Device(
        const Surroundings& surroundings,
        backend::AddDisk disk,
        std::unique_ptr<Image> image,
        BufferPool buffers,
        Journal journal
    );
    void read_limits();
    void take_size();
    Outcome<Unit> open_line(const backend::Connect& request, std::size_t index);
    Outcome<std::vector<std::uint16_t>>
    resume(JournalLine journal, const RingIdentity& identity, xen::BackRing& ring);
    void serve(std::size_t index);
    void look_after(Line& line, Queue::Served served);
    bool come_to_rest(Line& line);
    void serve_later(std::size_t index);
    void completed(std::span<const Completion> completions);
    void notify(Line& line);
    void stop(const std::string& reason);
    void finish_drain();
    void close_lines();
    void drop_unused_grants();
    void wait_for_rate();
    std::vector<backend::Node> connected_nodes() const;

    Surroundings surroundings_;
    backend::AddDisk disk_;
    Drive image_;
    BufferPool buffers_;
    Journal journal_;
    Counters counters_;
    Limits limits_;
    backend::DeviceState state_ = backend::DeviceState::idle;
    DomId frontend_{};
    std::vector<Line> lines_;
    std::vector<std::function<void()>> waiting_for_drain_;
    bool leaving_ = false;
    backend::RateLimit rate_;
    std::string group_;
    boost::asio::steady_timer grants_timer_;
    boost::asio::steady_timer rate_timer_;
    std::uint32_t generation_ = 0; // of the connection: a posted turn of an old one does nothing
};

} // namespace zocalo::blk
