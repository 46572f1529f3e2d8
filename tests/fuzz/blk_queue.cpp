// SPDX-License-Identifier: Apache-2.0
// A guest's ring against a whole queue: the input is a list of steps that write anywhere into the
// ring's page and into granted pages, kick, and let transfers end. Whatever it does, transfers stay
// inside the disk and inside buffers (the sanitizer watches both), and what was taken is answered
// or still in flight.
#include "backends/blk/queue.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/blk/memory_image.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <cstdlib>

namespace {

using namespace zocalo;

constexpr DomId kGuest{7};
constexpr std::size_t kSectors = 512;

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : left_{data, size} {}
    bool empty() const { return left_.empty(); }
    std::uint32_t number(unsigned bytes)
    {
        std::uint32_t value = 0;
        for (; bytes > 0 && !left_.empty(); --bytes) {
            value = value << 8 | left_[0];
            left_ = left_.subspan(1);
        }
        return value;
    }
    void fill(std::span<std::byte> to)
    {
        for (std::byte& b : to)
            b = static_cast<std::byte>(number(1));
    }

  private:
    std::span<const std::uint8_t> left_;
};

struct World {
    backend::RingAbi abi;
    xen::test::FrontRing front;
    xen::FakeGrantTable grants{kGuest};
    blk::test::MemoryImage image{kSectors, 16};
    blk::BufferPool buffers = blk::BufferPool::create(1 << 20).value();
    blk::Counters counters;
    blk::Journal journal = blk::Journal::open({}).value();
    blk::Limits limits;
    zocalo::backend::RateLimit rate;
    blk::Queue queue;
    bool broken = false;
    std::uint32_t produced = 0;

    explicit World(std::uint8_t kind)
        : abi{static_cast<backend::RingAbi>(kind % 3)}, front{blk::layout(abi).slot},
          limits{kSectors, (kind & 4) != 0 ? 4096u : 512u, (kind & 8) != 0},
          queue{
              blk::QueueParts{
                  grants, image, buffers, counters, journal.line(0), limits, rate, kGuest, 0},
              xen::BackRing::attach(front.pages(), blk::layout(abi).slot).value(),
              blk::layout(abi)}
    {
        for (std::uint32_t ref = 0; ref < 8; ++ref)
            grants.page(ref);
        image.on_completed([this](std::span<const blk::Completion> done) {
            for (const blk::Completion& c : done)
                queue.complete(blk::Queue::slot_of(c.tag), c.error);
            queue.flush();
        });
    }

    void step(Input& input)
    {
        switch (input.number(1) % 6) {
        case 0: { // a request, as the guest likes it
            const std::span<std::byte> slot{front.slot(produced++), blk::layout(abi).slot};
            input.fill(slot.first(40));
            front.set(xen::kRingReqProd, produced);
            break;
        }
        case 1: { // part of a granted page, perhaps a table
            auto& page = grants.page(input.number(1) % 8);
            input.fill(std::span{page}.first(64));
            break;
        }
        case 2: // an index
            front.set(input.number(1) % 4 * 4, input.number(4));
            break;
        case 3:
            broken = broken || queue.serve() == blk::Queue::Served::broken;
            break;
        case 4:
            image.finish_all(input.number(1) % 8 == 0 ? 5 : 0);
            break;
        case 5:
            grants.revoke(input.number(1) % 8);
            break;
        }
        check();
    }

    void check()
    {
        for (const blk::Transfer& t : image.waiting)
            if (t.offset > kSectors * 512 || t.data.size() > kSectors * 512 - t.offset)
                std::abort();
        if (queue.in_flight() != image.waiting.size())
            std::abort();
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Input input{data, size};
    World world{static_cast<std::uint8_t>(input.number(1))};
    for (int i = 0; i < 200 && !input.empty(); ++i)
        world.step(input);
    while (!world.image.waiting.empty()) // a barrier goes on when one of its transfers has ended
        world.image.finish_all();
    world.check();
    if (world.buffers.pages_in_use() != 0)
        std::abort();
    return 0;
}
