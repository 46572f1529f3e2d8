// SPDX-License-Identifier: Apache-2.0
// View: what a client is told about a domain, an operation or the host, from the book and from what
// Xen says now.
#pragma once

#include "toolstackd/domain/context.hpp"

namespace zocalo::toolstack {

// `live`: Xen's row of the record's instance; nullopt: it is not in Xen. `unknown`: why Xen could
// not be asked; the state is then unknown for whatever may be there.
rpc::DomainView view_of(
    const Context& ctx,
    const Record& record,
    const std::optional<LiveDomain>& live,
    const std::string& unknown
);
rpc::DomainView foreign_view(const LiveDomain& live, std::string name);
rpc::OpView view_of(const OpRow& op);

Answer<std::vector<rpc::DomainView>> all_domains(Context& ctx);
Answer<rpc::DomainDetail> domain_detail(Context& ctx, std::string ref);

} // namespace zocalo::toolstack
