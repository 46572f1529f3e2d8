// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/build/scratch.hpp"
#include "toolstackd/sys/core_folder.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <sys/stat.h>
#include <thread>

namespace zocalo::toolstack {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

struct CoreFolders : ::testing::Test {
    test::Scratch scratch;
    std::string folder = (scratch.path() / "dumps").string();
    CoreLimits limits{
        .file_bytes = 1 << 20, .total_bytes = 3 << 20, .files = 3, .leave_free_bytes = 0};
    GiveUp give_up = std::make_shared<std::atomic<bool>>(false);

    // A program as the real one is called: $1 is the domid, $2 the file, $3 the limit.
    CoreFolder with(const std::string& script) const
    {
        const std::string text = "#!/bin/sh\n" + script + "\n";
        const std::string program = scratch.write("program", std::as_bytes(std::span(text)));
        ::chmod(program.c_str(), 0700);
        return CoreFolder(folder, program, limits);
    }
    std::vector<std::string> names() const
    {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(folder))
            found.push_back(entry.path().filename().string());
        return found;
    }
};

TEST_F(CoreFolders, GivesACompleteFileItsName)
{
    const auto dumped = with("echo $1 $3 > $2").dump(DomId{7}, "web.core", give_up);
    ASSERT_TRUE(dumped) << dumped.error().what;
    EXPECT_EQ(dumped->path, folder + "/web.core");
    EXPECT_THAT(names(), UnorderedElementsAre("web.core"));
    std::ifstream file(dumped->path);
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line, "7 1048576");
}

TEST_F(CoreFolders, LeavesNothingOfADumpThatFailedAndSaysWhy)
{
    const auto dumped = with("echo half > $2; echo first >&2; echo the reason >&2; exit 1")
                            .dump(DomId{7}, "web.core", give_up);
    ASSERT_FALSE(dumped);
    EXPECT_EQ(dumped.error().what, "the reason");
    EXPECT_TRUE(names().empty());
}

TEST_F(CoreFolders, TheOldestMakeRoomForANewOne)
{
    std::filesystem::create_directories(folder);
    std::int64_t age = 100;
    for (const char* name : {"a.core", "b.core", "c.core"}) {
        const auto path = std::filesystem::path(folder) / name;
        std::ofstream(path) << name;
        std::filesystem::last_write_time(
            path, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(age--)
        );
    }
    std::ofstream(std::filesystem::path(folder) / "left.core.part") << "half";
    std::ofstream(std::filesystem::path(folder) / "notes.txt") << "somebody's";
    ASSERT_TRUE(with("echo > $2").dump(DomId{7}, "new.core", give_up));
    EXPECT_THAT(names(), UnorderedElementsAre("b.core", "c.core", "new.core", "notes.txt"));
}

TEST_F(CoreFolders, AFullFileSystemIsRefusedBeforeAnythingRuns)
{
    limits.leave_free_bytes = ~0ULL >> 1U;
    const auto dumped = with("echo > $2").dump(DomId{7}, "web.core", give_up);
    ASSERT_FALSE(dumped);
    EXPECT_THAT(dumped.error().what, HasSubstr("no room for a core file"));
}

TEST_F(CoreFolders, GivingUpEndsTheProgram)
{
    std::thread later([this] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        *give_up = true;
    });
    const auto begin = std::chrono::steady_clock::now();
    const auto dumped = with("exec sleep 60").dump(DomId{7}, "web.core", give_up);
    later.join();
    ASSERT_FALSE(dumped);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

} // namespace
} // namespace zocalo::toolstack
