// SPDX-License-Identifier: Apache-2.0
// GNTTABOP_copy.
#include "hypervisor-core/grant/grant_copy.hpp"
#include "hypervisor-core/hypercall/grant_ops.hpp"

namespace zocalo::hv {
namespace {

GrantResult<CopySide> side_of(Call& call, const gnttab_copy::gnttab_copy_ptr& side, bool granted)
{
    CopySide out{.offset = side.offset};
    if (!granted) {
        if (side.domid != DOMID_SELF) // a page of somebody else needs a grant
            return GrantStatus::permission_denied;
        out.mfn = Mfn{side.u.gmfn};
        return out;
    }
    const auto granter = granter_of(call, side.domid);
    if (!granter)
        return granter.error();
    out.granter = *granter;
    out.ref = GrantRef{side.u.ref};
    return out;
}

GrantStatus copy(Call& call, const gnttab_copy& args)
{
    const auto source = side_of(call, args.source, (args.flags & GNTCOPY_source_gref) != 0);
    if (!source)
        return source.error();
    const auto dest = side_of(call, args.dest, (args.flags & GNTCOPY_dest_gref) != 0);
    if (!dest)
        return dest.error();
    return copy_granted(call.system.memory, call.domain().id, *source, *dest, args.len);
}

} // namespace

Answer grant_copy(Call& call)
{
    return grant_list<gnttab_copy>(call, [&](const gnttab_copy& args) { return copy(call, args); });
}

} // namespace zocalo::hv
