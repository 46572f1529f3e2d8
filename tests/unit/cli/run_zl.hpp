// SPDX-License-Identifier: Apache-2.0
// zl run within a test: its words in, its exit status and what it printed out.
#pragma once

#include "cli/program.hpp"
#include "common/rpc/json.hpp"
#include "common/rpc/views.hpp"

#include <boost/json/serialize.hpp>

#include <sstream>
#include <string>
#include <vector>

namespace zocalo::cli {

struct Ended {
    int status{};
    std::string out, err;
};

inline Ended
run(const std::vector<std::string>& words, const std::string& socket = "/nonexistent/socket")
{
    std::ostringstream out, err;
    const int status = run_program(words, {.out = out, .err = err, .socket = socket});
    return {status, out.str(), err.str()};
}

template <class T> std::string json_of(const T& value)
{
    return boost::json::serialize(rpc::to_json(value));
}

} // namespace zocalo::cli
