// SPDX-License-Identifier: Apache-2.0
// Parts: every long-lived object of the daemon, made once, in the order in which they need each
// other, and destroyed in the other. The only place that knows which implementation stands behind
// which interface.
#pragma once

#include "toolstackd/app/config.hpp"
#include "toolstackd/build/kernel_store.hpp"
#include "toolstackd/build/xenctrl_port.hpp"
#include "toolstackd/console/pv_consoles.hpp"
#include "toolstackd/db/database.hpp"
#include "toolstackd/device/xen_devices.hpp"
#include "toolstackd/domain/clock.hpp"
#include "toolstackd/domain/domain_layer.hpp"
#include "toolstackd/rpc/server.hpp"
#include "toolstackd/sys/xen_hypervisor.hpp"
#include "toolstackd/xenstore/xen_store.hpp"

namespace zocalo::toolstack {

struct Parts {
    Config config;
    Metrics metrics;
    std::unique_ptr<Pool> database_pool;
    std::unique_ptr<Database> database;
    std::string database_trouble; // why `database` is an empty one in memory; empty: it is not
    std::unique_ptr<Clock> clock;
    std::shared_ptr<XenctrlPort> builder_port;
    std::shared_ptr<KernelStore> kernels;
    std::shared_ptr<XenCalls> calls;
    std::unique_ptr<XenHypervisor> hypervisor;
    std::unique_ptr<XenStore> store;
    std::unique_ptr<xen::EventChannels> events, channel_events;
    std::unique_ptr<xen::GrantTable> grants;
    std::unique_ptr<PvConsoles> consoles;
    std::unique_ptr<XenDevices> devices;
    std::unique_ptr<DomainLayer> domains;
    std::unique_ptr<ApiServer> api;
};

// Opens the database, Xen's devices and the socket (`listener`, else the configured one); starts
// nothing. Errors say what is missing on this host.
Outcome<std::unique_ptr<Parts>> make_parts(
    boost::asio::any_io_executor executor, const Config& config, std::optional<UniqueFd> listener
);

} // namespace zocalo::toolstack
