// SPDX-License-Identifier: Apache-2.0
// What `xl list -l` prints of a domain, in its shape: libxl's names, its memory in KiB, its "True"
// and "False", and no member that has libxl's default.
#pragma once

#include "common/rpc/views.hpp"

#include <boost/json/object.hpp>

namespace zocalo::cli {

boost::json::object xl_long(const rpc::DomainDetail& detail);

} // namespace zocalo::cli
