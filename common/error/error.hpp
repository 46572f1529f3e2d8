// SPDX-License-Identifier: Apache-2.0
// Error: what hosted code (daemon, backends, command) tells a person: what failed, why, and what to
// do next. `Code` decides zl's exit status and the API's HTTP status; it is not for control flow
// beyond that.
#pragma once

#include "common/base/result.hpp"

#include <string>
#include <string_view>

namespace zocalo {

enum class Code {
    failed,      // exit 1, HTTP 500
    usage,       // exit 2, HTTP 400
    not_found,   // exit 3, HTTP 404
    conflict,    // exit 4, HTTP 409
    denied,      // exit 5, HTTP 403
    timeout,     // exit 6, HTTP 504
    unreachable, // exit 7, HTTP 503
    unsupported, // exit 8, HTTP 501
};

struct Error {
    Code code{Code::failed};
    std::string what; // "cannot open disk image /x.img: No such file or directory"
    std::string next; // "check the path in `disk=`", or empty

    friend bool operator==(const Error&, const Error&) = default;
};

// `what` followed by the system's word for `errno_value`.
Error system_error(std::string_view what, int errno_value, std::string_view next = {});

// "what (next)", for logs and terminals.
std::string describe(const Error& error);

std::string_view name(Code code);
// The code of that name; Code::failed for a name nobody knows.
Code code_from_name(std::string_view name);
int exit_status(Code code);
unsigned http_status(Code code);

// What hosted functions return; freestanding ones return Result<T>.
template <class T> using Outcome = Result<T, Error>;

} // namespace zocalo
