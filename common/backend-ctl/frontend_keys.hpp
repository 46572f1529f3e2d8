// SPDX-License-Identifier: Apache-2.0
// What a frontend publishes in its xenstore directory before it connects, parsed strictly into a
// Connect request. Used by toolstackd, so that no string of a guest ever reaches a backend process.
// Pure: the caller read the directory in one go and hands over a lookup.
#pragma once

#include "common/backend-ctl/messages.hpp"
#include "common/error/error.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace zocalo::backend {

// The value of a key relative to the frontend's directory ("queue-0/tx-ring-ref"), nullopt if
// absent.
using FrontendLookup = std::function<std::optional<std::string>(std::string_view key)>;

// blkif: ring-ref or ring-ref%u with ring-page-order (or the old num-ring-pages), event-channel,
// protocol, feature-persistent, multi-queue-num-queues and queue-N/… (xen/io/blkif.h).
Outcome<Connect> read_blk_frontend(DeviceId device, DomId frontend, const FrontendLookup& lookup);

// netif: tx-ring-ref, rx-ring-ref, event-channel or event-channel-tx and -rx, features,
// multi-queue-num-queues and queue-N/…, ctrl-ring-ref with event-channel-ctrl (xen/io/netif.h).
Outcome<Connect> read_net_frontend(DeviceId device, DomId frontend, const FrontendLookup& lookup);

// netif: xdp-headroom, the one key that a connected frontend changes; 0 when it is absent.
Outcome<std::uint16_t> read_headroom(const FrontendLookup& lookup);

} // namespace zocalo::backend
