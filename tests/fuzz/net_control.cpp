// SPDX-License-Identifier: Apache-2.0
// A guest's control ring, and frames hashed as it asks: the input is a list of steps that write
// requests, indices and granted pages, kick, and send frames. Whatever it does, settings stay such
// as a next process would take over, and no hash leads to a queue that is not there.
#include "backends/net/control_queue.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace {

using namespace zocalo;
using namespace zocalo::net;

constexpr DomId kGuest{7};
constexpr std::uint32_t kPages = 4;

void expect(bool holds)
{
    if (!holds)
        std::abort();
}

class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : left_{data, size} {}
    bool empty() const { return left_.empty(); }
    std::uint8_t byte() { return take(1).empty() ? std::uint8_t{0} : last_; }
    std::span<const std::uint8_t> take(std::size_t most)
    {
        const auto part = left_.first(std::min(most, left_.size()));
        left_ = left_.subspan(part.size());
        last_ = part.empty() ? std::uint8_t{0} : part.back();
        return part;
    }

  private:
    std::span<const std::uint8_t> left_;
    std::uint8_t last_{};
};

struct World {
    explicit World(std::uint32_t queues_) : queues{queues_}
    {
        for (std::uint32_t ref = 0; ref < kPages; ++ref)
            grants.page(ref);
    }

    std::uint32_t queues;
    xen::test::FrontRing front{kControlSlot};
    xen::FakeGrantTable grants{kGuest};
    HashSettings settings{queues};
    ControlQueue queue{
        xen::BackRing::attach(front.pages(), kControlSlot).value(), kGuest, grants, settings};
    std::uint32_t produced{};
    bool broken{};

    void step(Input& input)
    {
        switch (input.byte() % 5) {
        case 0: { // a request, as the guest likes it
            const auto request = input.take(kControlSlot);
            std::ranges::copy(std::as_bytes(request), front.slot(produced++));
            front.set(xen::kRingReqProd, produced);
            break;
        }
        case 1: { // the beginning of a granted page: a key, a table
            auto& page = grants.page(input.byte() % kPages);
            std::ranges::copy(std::as_bytes(input.take(64)), page.begin());
            break;
        }
        case 2: // an index
            front.set(input.byte() % 4 * 4u, input.byte() * 0x01010101u);
            break;
        case 3:
            broken = broken || queue.serve().after == ControlQueue::After::broken;
            break;
        case 4:
            send(input.take(input.byte()));
            break;
        }
    }

    void send(std::span<const std::uint8_t> frame) const
    {
        const auto hash = settings.hash(frame);
        if (!hash)
            return;
        expect((settings.kept().types >> hash->type & 1u) != 0);
        expect(settings.queue_of(*hash) < queues);
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    Input input{data, size};
    World world{1u + input.byte() % 16u};
    for (int i = 0; i < 500 && !input.empty() && !world.broken; ++i)
        world.step(input);
    expect(HashSettings{world.queues}.restore(world.settings.kept()));
    return 0;
}
