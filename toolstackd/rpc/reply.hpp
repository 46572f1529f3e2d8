// SPDX-License-Identifier: Apache-2.0
// Helpers with which handlers make replies.
#pragma once

#include "common/rpc/json.hpp"
#include "toolstackd/rpc/route.hpp"

namespace zocalo::toolstack {

Reply json_reply(const boost::json::value& value, unsigned status = 200);
// {"error": {"code", "what", "next"}} with the code's status.
Reply error_reply(const Error& error);
// The same with a status and a code word of its own.
Reply error_reply(unsigned status, std::string_view code, std::string_view what);

template <class T> Reply view_reply(const Outcome<T>& answer)
{
    if (!answer)
        return error_reply(answer.error());
    return json_reply(rpc::to_json(answer.value()));
}

} // namespace zocalo::toolstack
