// SPDX-License-Identifier: Apache-2.0
// A disk between a guest's ring and a medium in memory, with everything a device works with.
#pragma once

#include "backends/blk/device.hpp"
#include "common/xen-sys/fake/fake_event_channels.hpp"
#include "common/xen-sys/fake/fake_grant_table.hpp"
#include "tests/unit/backends/blk/memory_image.hpp"
#include "tests/unit/common/xen-proto/front_ring.hpp"

#include <gtest/gtest.h>

#include <sys/mman.h>

namespace zocalo::blk::test {

inline constexpr DomId kGuest{7};
inline constexpr EventPort kGuestPort{15};
inline const std::vector<GrantRef> kRing{GrantRef{8}};

inline backend::Connect connect_request(std::vector<GrantRef> refs = kRing)
{
    backend::Connect request;
    request.device = 51712;
    request.frontend = kGuest;
    request.queues.push_back({std::move(refs), {kGuestPort}});
    return request;
}

inline backend::Connect connect_resumed()
{
    backend::Connect request = connect_request();
    request.resume = true;
    return request;
}

struct DeviceTest : testing::Test {
    boost::asio::io_context io;
    xen::FakeEventChannels events;
    xen::FakeGrantTable grants{kGuest};
    backend::Poll poll; // of the next connection
    backend::EventPump pump{io, events, [this] { return poll; }};
    std::vector<backend::Event> told;
    xen::test::FrontRing front{sizeof(blkif_request)};
    backend::Worker worker;
    Device::Surroundings surroundings{
        io, pump, grants, worker, [this](backend::Event e) { told.push_back(std::move(e)); }};
    MemoryImage* image = nullptr;
    UniqueFd journal{::memfd_create("journal", MFD_CLOEXEC)};
    std::shared_ptr<Device> device = make();

    std::shared_ptr<Device> make()
    {
        grants.grant_ring(kRing, front.pages());
        auto memory = std::make_unique<MemoryImage>(4096);
        image = memory.get();
        backend::AddDisk disk;
        disk.device = 51712;
        disk.label = "test";
        auto made = Device::create(
            surroundings,
            disk,
            std::move(memory),
            Journal::open(UniqueFd{::dup(journal.get())}).value()
        );
        EXPECT_TRUE(made);
        return *made;
    }
    void turn()
    {
        io.restart();
        while (io.poll() != 0)
            continue;
    }
    EventPort port() { return events.local_of(kGuestPort); }
    void kick()
    {
        events.raise(port());
        turn();
    }
};

} // namespace zocalo::blk::test
