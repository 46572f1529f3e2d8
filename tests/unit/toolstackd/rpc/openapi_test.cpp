// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/rpc/openapi.hpp"
#include "toolstackd/rpc/route.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace zocalo::toolstack {
namespace {

std::string file(const std::string& name)
{
    std::ifstream in(std::string(ZOCALO_SOURCE_DIR) + "/" + name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

TEST(OpenApi, TheFileInTheTreeIsWhatTheRouteTableSays)
{
    EXPECT_EQ(file("etc/openapi.json"), openapi_text())
        << "run: toolstackd --print-openapi > etc/openapi.json";
}

TEST(OpenApi, ItsTextIsValidJsonWithEveryRoute)
{
    const auto document = boost::json::parse(openapi_text());
    const auto& paths = document.at("paths").as_object();
    std::size_t operations = 0;
    for (const auto& path : paths)
        operations += path.value().as_object().size();
    EXPECT_EQ(operations, routes().size());
}

TEST(OpenApi, EveryReferenceHasItsSchema)
{
    const auto document = boost::json::parse(openapi_text());
    const auto& schemas = document.at("components").at("schemas").as_object();
    const std::string text = openapi_text(), mark = "#/components/schemas/";
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + 1)) {
        const auto begin = at + mark.size();
        const std::string name = text.substr(begin, text.find('"', begin) - begin);
        EXPECT_TRUE(schemas.contains(name)) << name;
    }
}

TEST(OpenApi, DocsApiNamesEveryPath)
{
    // docs/api.md shortens the devices' path to its two meanings and joins some rows with "…".
    const std::string docs = file("docs/api.md");
    for (const Route& route : routes()) {
        const std::string pattern = route.pattern;
        const std::string last = pattern.substr(pattern.rfind('/'));
        const bool device = last == "/{device}";
        const std::string wanted = device ? pattern.substr(0, pattern.rfind('/') + 1) : last;
        EXPECT_NE(docs.find(wanted), docs.npos) << pattern;
    }
}

} // namespace
} // namespace zocalo::toolstack
