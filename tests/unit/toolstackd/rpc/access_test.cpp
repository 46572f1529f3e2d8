// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/toolstackd/rpc/api_fixture.hpp"

#include <filesystem>

namespace zocalo::toolstack::test {
namespace {

class AccessMatrix : public ApiTest {
  protected:
    // A path of the route with something in each place.
    static std::string example(const Route& route)
    {
        std::string path = route.pattern;
        for (const auto& [mark, value] :
             {std::pair{"{ref}", "web"}, {"{id}", "1"}, {"{device}", "xvda"}})
            if (const auto at = path.find(mark); at != path.npos)
                path.replace(at, std::string_view{mark}.size(), value);
        return path;
    }
};

TEST_F(AccessMatrix, AStrangerGets403Everywhere)
{
    access_ = Access::none;
    for (const Route& route : routes())
        EXPECT_EQ(ask(name(route.method), example(route)).status, 403u) << route.pattern;
    EXPECT_EQ(ask("GET", "/nothing").status, 403u) << "does not even learn what exists";
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(AccessMatrix, AReaderGets403ForChangesAndConsolesOnly)
{
    access_ = Access::read;
    for (const Route& route : routes()) {
        const bool refused = ask(name(route.method), example(route)).status == 403;
        const std::string path = route.pattern;
        const bool console = path.find("/console") != path.npos;
        const bool looks = (route.method == Method::get && !console) || path == "/v1/domains/check";
        EXPECT_EQ(refused, !looks) << name(route.method) << " " << path;
    }
    EXPECT_EQ(ask("GET", "/v1/host/dmesg?clear=1").status, 403u);
    EXPECT_TRUE(toolstack_.requests.empty());
}

TEST_F(AccessMatrix, AnAdminIsNeverRefused)
{
    for (const Route& route : routes())
        EXPECT_NE(ask(name(route.method), example(route)).status, 403u) << route.pattern;
}

TEST_F(AccessMatrix, ASecondDaemonDoesNotTakeALiveSocket)
{
    const auto second = listen_unix(path_, 0600, std::nullopt);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::conflict);
}

TEST_F(AccessMatrix, TheSocketOfADeadDaemonIsReplacedWithItsMode)
{
    stop();
    ASSERT_TRUE(std::filesystem::exists(path_));
    const auto next = listen_unix(path_, 0660, std::nullopt);
    ASSERT_TRUE(next) << next.error().what;
    const auto mode = std::filesystem::status(path_).permissions();
    EXPECT_EQ(static_cast<unsigned>(mode) & 0777u, 0660u);
}

} // namespace
} // namespace zocalo::toolstack::test
