// SPDX-License-Identifier: Apache-2.0
// HYPERVISOR_xen_version: who we are. Kernels also use XENVER_version as a call without effect, to
// have pending events delivered on the way back.
#include "hypervisor-core/hypercall/handlers.hpp"

#include <xen/features.h>
#include <xen/version.h>

#include <string_view>

namespace zocalo::hv {
namespace {

constexpr std::int64_t kMajor = 4, kMinor = 17;
constexpr std::string_view kExtra = "-zocalo";
constexpr std::string_view kCapabilities = "xen-3.0-x86_64 ";

template <std::size_t N> void put_text(char (&to)[N], std::string_view text)
{
    for (std::size_t i = 0; i < N; ++i)
        to[i] = i < text.size() && i + 1 < N ? text[i] : '\0';
}

template <std::size_t N> struct Text {
    char characters[N];
};

template <std::size_t N> Answer answer_text(const Call& call, std::string_view text)
{
    Text<N> out{};
    put_text(out.characters, text);
    return call.ref<Text<N>>(1).copy_out(out);
}

Answer compile_info(const Call& call)
{
    xen_compile_info info{};
    put_text(info.compiler, "gcc, C++20, freestanding");
    put_text(info.compile_by, "zocalo");
    put_text(info.compile_domain, "");
    put_text(info.compile_date, "");
    return call.ref<xen_compile_info>(1).copy_out(info);
}

Answer features(const Call& call)
{
    auto info = TRY(call.ref<xen_feature_info>(1).copy_in());
    info.submap = 0;
    if (info.submap_idx == 0) {
        info.submap = 1U << XENFEAT_pae_pgdir_above_4gb | 1U << XENFEAT_mmu_pt_update_preserve_ad |
                      1U << XENFEAT_highmem_assist | 1U << XENFEAT_gnttab_map_avail_bits;
        if (call.domain().id == kDom0)
            info.submap |= 1U << XENFEAT_dom0;
    }
    return call.ref<xen_feature_info>(1).copy_out(info);
}

} // namespace

Answer hypercall::xen_version(Call& call)
{
    switch (call.arguments[0]) {
    case XENVER_version:
        return kMajor << 16 | kMinor;
    case XENVER_extraversion:
        return answer_text<sizeof(xen_extraversion_t)>(call, kExtra);
    case XENVER_compile_info:
        return compile_info(call);
    case XENVER_capabilities:
        return answer_text<sizeof(xen_capabilities_info_t)>(call, kCapabilities);
    case XENVER_changeset:
        return answer_text<sizeof(xen_changeset_info_t)>(call, "zocalo hypervisor-core");
    case XENVER_platform_parameters:
        return call.ref<xen_platform_parameters>(1).copy_out({HYPERVISOR_VIRT_START});
    case XENVER_get_features:
        return features(call);
    case XENVER_pagesize:
        return static_cast<std::int64_t>(kPageSize);
    case XENVER_guest_handle:
        return call.ref<std::array<std::uint8_t, 16>>(1).copy_out(call.domain().handle);
    case XENVER_commandline:
        return answer_text<sizeof(xen_commandline_t)>(call, call.system.boot.command_line.view());
    case XENVER_build_id:
        return Errno::nodata;
    default:
        return Errno::nosys;
    }
}

} // namespace zocalo::hv
