// SPDX-License-Identifier: Apache-2.0
#include "toolstackd/app/guest_spec.hpp"

#include <algorithm>

namespace zocalo::toolstack {
namespace {

TscMode tsc_of(rpc::TscMode mode)
{
    switch (mode) {
    case rpc::TscMode::always_emulate:
        return TscMode::emulate;
    case rpc::TscMode::native:
    case rpc::TscMode::native_paravirt: // Xen 4.17 has no paravirtualised mode any more
        return TscMode::native;
    case rpc::TscMode::default_:
        break;
    }
    return TscMode::automatic;
}

} // namespace

Outcome<GuestSpec> spec_of(const rpc::Uuid& uuid, const rpc::DomainConfig& config)
{
    if (config.type == rpc::GuestType::hvm)
        return Error{
            Code::unsupported,
            "HVM guests need the device model, which is not part of this version",
            "use type=\"pvh\" or type=\"pv\""};
    GuestSpec spec;
    spec.pvh = config.type == rpc::GuestType::pvh;
    spec.kernel = config.kernel;
    spec.ramdisk = config.ramdisk;
    spec.cmdline = config.cmdline;
    spec.memory_mib = config.memory_mib;
    spec.maxmem_mib = config.maxmem_mib;
    spec.maxvcpus = std::max(config.maxvcpus, config.vcpus);
    spec.uuid = uuid.bytes;
    spec.max_event_channels = config.max_event_channels;
    spec.max_grant_frames = config.max_grant_frames;
    spec.max_maptrack_frames = config.max_maptrack_frames;
    spec.tsc = tsc_of(config.tsc_mode);
    return spec;
}

} // namespace zocalo::toolstack
