// SPDX-License-Identifier: Apache-2.0
// XsRequest: one request to xenstored as a value, and its answer. Builders check what xenstored
// would refuse (paths, sizes) so that our mistakes are named by us. Pure; used by the client's pump
// and by Commit.
#pragma once

#include "common/base/address.hpp"
#include "common/error/error.hpp"
#include "toolstackd/xenstore/store.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zocalo::toolstack {

struct XsRequest {
    std::uint32_t type{}; // xsd_sockmsg_type
    std::string payload;
    friend bool operator==(const XsRequest&, const XsRequest&) = default;
};

struct XsReply {
    int error{}; // errno of an XS_ERROR answer, 0 for success
    std::string payload;
    friend bool operator==(const XsReply&, const XsReply&) = default;
};

// Code::usage for a path that is not absolute, too long or holds what xenstored refuses.
Outcome<Unit> check_path(std::string_view path);

XsRequest read_request(std::string_view path);
XsRequest directory_request(std::string_view path);
// For lists beyond one payload: `offset` counts bytes of the whole list.
XsRequest directory_part_request(std::string_view path, std::size_t offset);
XsRequest watch_request(std::string_view path, std::string_view token);
XsRequest unwatch_request(std::string_view path, std::string_view token);
XsRequest start_request();
XsRequest end_request(bool commit);
XsRequest introduce_request(DomId domid, std::uint64_t frame, EventPort port);
XsRequest release_request(DomId domid);
XsRequest is_introduced_request(DomId domid);
// One request for the change and one more if it sets permissions.
Outcome<std::vector<XsRequest>> change_requests(const StoreChange& change);

// The errno an XS_ERROR payload ("ENOENT") names; EINVAL for words nobody knows, as libxenstore.
int xs_errno(std::string_view payload);
// "xenstore: WHAT: No space left on device", with the code and the next step that fit.
Error store_error(std::string_view what, int error);

} // namespace zocalo::toolstack
