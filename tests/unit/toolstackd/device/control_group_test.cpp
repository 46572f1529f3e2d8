// SPDX-License-Identifier: Apache-2.0
// A folder of plain files plays the tree: what is written where, and what is said when it is not
// there.
#include "toolstackd/device/control_group.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace zocalo::toolstack {
namespace {

namespace fs = std::filesystem;

class ControlGroupTest : public ::testing::Test {
  protected:
    ControlGroupTest()
    {
        std::array<char, 32> name{"/tmp/zocalo-groups-XXXXXX"};
        tree = ::mkdtemp(name.data());
    }
    ~ControlGroupTest() override { fs::remove_all(tree); }

    // The kernel makes a group's files with its folder; here they have to be there before.
    void make_files(const std::string& folder, std::initializer_list<const char*> names) const
    {
        fs::create_directories(tree + "/" + folder);
        for (const char* name : names)
            std::ofstream(tree + "/" + folder + "/" + name);
    }
    std::string read(const std::string& path) const
    {
        std::ifstream file(tree + "/" + path);
        std::string text;
        std::getline(file, text);
        return text;
    }

    std::string tree;
};

TEST_F(ControlGroupTest, AProcessIsMovedAndThenBounded)
{
    make_files("blk-1", {"cgroup.procs", "pids.max", "memory.max"});
    ASSERT_TRUE(put_into_group(tree, "blk-1", 4711));
    EXPECT_EQ(read("blk-1/cgroup.procs"), "4711");
    EXPECT_EQ(read("blk-1/pids.max"), "8");
    EXPECT_EQ(read("blk-1/memory.max"), std::to_string(768 << 20));
}

TEST_F(ControlGroupTest, TheFirstGroupOfATreeHasItsControllersPassedOn)
{
    make_files("", {"cgroup.subtree_control"});
    make_files("blk-1", {"cgroup.procs"});
    const auto put = put_into_group(tree, "blk-1", 4711);
    EXPECT_EQ(read("cgroup.subtree_control"), "+pids +memory");
    // A kernel would have made the files of the limits by now.
    ASSERT_FALSE(put);
    EXPECT_NE(put.error().what.find("cannot bound the control group"), std::string::npos);
    EXPECT_NE(
        put.error().code, Code::not_found
    ); // it is in its group, another scope would not help
}

TEST_F(ControlGroupTest, ATreeThatIsNotThereIsToldApart)
{
    const auto put = put_into_group(tree + "/gone", "blk-1", 4711);
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, Code::not_found);
    remove_group(tree + "/gone", "blk-1");
    remove_empty_groups(tree + "/gone");
}

TEST_F(ControlGroupTest, OnlyEmptyGroupsAreRemoved)
{
    make_files("blk-1", {"cgroup.procs"}); // plays one with a process: it cannot be removed
    make_files("blk-2", {});
    make_files("net-2", {});
    remove_empty_groups(tree);
    EXPECT_TRUE(fs::exists(tree + "/blk-1"));
    EXPECT_FALSE(fs::exists(tree + "/blk-2"));
    EXPECT_FALSE(fs::exists(tree + "/net-2"));
    make_files("blk-3", {});
    remove_group(tree, "blk-3");
    EXPECT_FALSE(fs::exists(tree + "/blk-3"));
}

TEST(GroupOf, EndedProcessesAreInNone)
{
    EXPECT_EQ(group_of(-1), "");
}

} // namespace
} // namespace zocalo::toolstack
