// SPDX-License-Identifier: Apache-2.0
// The OpenAPI 3.1 document of the route table. etc/openapi.json holds its text; a test fails when
// they differ, `toolstackd --print-openapi > etc/openapi.json` makes them equal.
#pragma once

#include <boost/json/object.hpp>

#include <string>

namespace zocalo::toolstack {

boost::json::object openapi();
// Indented by two spaces, ending with a newline.
const std::string& openapi_text();

} // namespace zocalo::toolstack
