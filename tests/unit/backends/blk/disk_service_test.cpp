// SPDX-License-Identifier: Apache-2.0
// toolstackd's requests as the disk backend carries them out.
#include "backends/blk/disk_service.hpp"
#include "tests/unit/backends/blk/device_world.hpp"
#include "tests/unit/backends/blk/request_builder.hpp"
#include "tests/unit/backends/blk/uring_peek.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace zocalo::blk {
namespace {

using test::connect_request;
using test::DeviceTest;
using test::kGuest;

struct DiskServiceTest : DeviceTest {
    DiskService service{surroundings, kGuest};
    std::optional<backend::Answer> answer;

    void ask(backend::Request request, int fd = -1)
    {
        answer.reset();
        std::vector<UniqueFd> fds;
        if (fd >= 0)
            fds.emplace_back(fd);
        service.handle(std::move(request), std::move(fds), [this](backend::Answer a) {
            answer = std::move(a);
        });
        turn();
    }
    int image_file()
    {
        const int fd = ::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        EXPECT_GE(fd, 0);
        EXPECT_EQ(::ftruncate(fd, 1 << 20), 0);
        return fd;
    }
    template <class T> bool got() { return answer && std::holds_alternative<T>(*answer); }
    backend::AddDisk disk(backend::DeviceId id)
    {
        backend::AddDisk request;
        request.device = id;
        request.label = "disk " + std::to_string(id);
        return request;
    }
};

TEST_F(DiskServiceTest, ADiskLivesFromAddToRemove)
{
    ask(disk(51712), image_file());
    ASSERT_TRUE(got<backend::Ready>());
    ask(disk(51712), image_file());
    EXPECT_TRUE(got<backend::Failed>());
    ask(connect_request());
    EXPECT_TRUE(got<backend::Done>());
    ask(backend::ListDevices{});
    ASSERT_TRUE(got<backend::DeviceList>());
    const auto& devices = std::get<backend::DeviceList>(*answer).devices;
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(devices[0].state, backend::DeviceState::connected);
    EXPECT_EQ(devices[0].frontend, kGuest);
    ask(backend::RemoveDevice{51712});
    EXPECT_TRUE(got<backend::Done>());
    EXPECT_EQ(grants.mapped, 0u);
    ask(backend::ListDevices{});
    EXPECT_TRUE(std::get<backend::DeviceList>(*answer).devices.empty());
    ask(backend::RemoveDevice{51712});
    EXPECT_TRUE(got<backend::Done>()); // again, after a daemon that died between
}

TEST_F(DiskServiceTest, DisksOfAProcessWithARingAreServedThroughIt)
{
    const std::unique_ptr<Uring> ring = Uring::create(io);
    if (!ring)
        GTEST_SKIP() << "no io_uring here";
    Device::Surroundings with = surroundings;
    with.ring = ring.get();
    DiskService ringed{with, kGuest};
    std::vector<UniqueFd> fds;
    fds.emplace_back(image_file());
    const std::string path = "/proc/self/fd/" + std::to_string(fds[0].get());
    const UniqueFd same{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const auto keep = [this](backend::Answer a) { answer = std::move(a); };
    ringed.handle(disk(51712), std::move(fds), keep);
    ASSERT_TRUE(got<backend::Ready>());
    grants.page(5).fill(std::byte{0x42});
    front.push(test::direct(BLKIF_OP_WRITE, 1, 8, {{5, 0, 7}}));
    ringed.handle(connect_request(), {}, keep);
    ASSERT_TRUE(got<backend::Done>());
    auto response = front.take<blkif_response>();
    for (; !response; response = front.take<blkif_response>())
        io.run_one();
    EXPECT_EQ(response->id, 1u);
    EXPECT_EQ(response->status, BLKIF_RSP_OKAY);
    std::byte written{};
    EXPECT_EQ(::pread(same.get(), &written, 1, 4096), 1);
    EXPECT_EQ(written, std::byte{0x42});
    EXPECT_EQ(UringPeek::taken(*ring), 1u);
}

TEST_F(DiskServiceTest, ACdDriveTakesAnotherMedium)
{
    backend::AddDisk drive = disk(51760);
    drive.cdrom = drive.empty = true;
    ask(drive);
    ASSERT_TRUE(got<backend::Ready>());
    const auto sectors = [&] {
        ask(backend::ListDevices{});
        for (const backend::Node& node :
             std::get<backend::DeviceList>(*answer).devices.at(0).connected)
            if (node.key == "sectors")
                return node.value;
        return std::string{};
    };
    EXPECT_EQ(sectors(), "0");
    ask(backend::ChangeMedium{51760}, image_file());
    EXPECT_TRUE(got<backend::Done>());
    EXPECT_EQ(sectors(), "2048");
    ask(backend::ChangeMedium{51760});
    EXPECT_TRUE(got<backend::Done>());
    EXPECT_EQ(sectors(), "0");
    ask(disk(51712), image_file());
    ask(backend::ChangeMedium{51712}, image_file()); // no CD drive
    EXPECT_TRUE(got<backend::Failed>());
    backend::AddDisk plain = disk(51728);
    plain.empty = true; // only a CD drive may be
    ask(plain);
    EXPECT_TRUE(got<backend::Failed>());
}

TEST_F(DiskServiceTest, AnotherDomainsPagesAreNeverMapped)
{
    ask(disk(51712), image_file());
    backend::Connect request = connect_request();
    request.frontend = DomId{8};
    ask(request);
    EXPECT_TRUE(got<backend::Failed>());
}

TEST_F(DiskServiceTest, WhatItCannotDoItSays)
{
    ask(disk(1)); // no descriptor
    EXPECT_TRUE(got<backend::Failed>());
    ask(backend::AddNic{});
    EXPECT_TRUE(got<backend::Failed>());
    ask(connect_request());
    EXPECT_TRUE(got<backend::Failed>());
    ask(backend::SetLimits{});
    EXPECT_TRUE(got<backend::Failed>());
    ask(backend::GetStats{1});
    EXPECT_TRUE(got<backend::Failed>());
}

TEST_F(DiskServiceTest, ShutdownAnswersOnceEverythingIsUnmapped)
{
    ask(disk(51712), image_file());
    ask(disk(51728), image_file());
    ask(connect_request());
    ask(backend::Shutdown{});
    EXPECT_TRUE(got<backend::Done>());
    EXPECT_EQ(grants.mapped, 0u);
    EXPECT_EQ(events.bound(), 0u);
}

} // namespace
} // namespace zocalo::blk
