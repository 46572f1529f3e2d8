// SPDX-License-Identifier: Apache-2.0
// The functions behind the rows of routes.cpp. Each translates one kind of call to the domain layer
// and its answer to a reply; none holds a rule about domains.
#pragma once

#include "toolstackd/rpc/route.hpp"

namespace zocalo::toolstack::handlers {

// Every change: hands the route's verb and the checked body to Toolstack::submit; ?wait= follows
// the operation.
Answer<Reply> change(Services& services, Call call);
// The same for devices named by path: {device} and ?force= become the arguments.
Answer<Reply> detach(Services& services, Call call);

// And with a body: of a disk, {"device", "limits": body} or {"device"}.
Answer<Reply> change_device(Services& services, Call call);

Answer<Reply> domains(Services& services, Call call);
Answer<Reply> domain(Services& services, Call call);
Answer<Reply> device_stats(Services& services, Call call);
Answer<Reply> check(Services& services, Call call);
Answer<Reply> console_log(Services& services, Call call);

Answer<Reply> ops(Services& services, Call call);
Answer<Reply> op(Services& services, Call call);
Answer<Reply> cancel_op(Services& services, Call call);
Answer<Reply> events(Services& services, Call call);

Answer<Reply> version(Services& services, Call call);
Answer<Reply> host(Services& services, Call call);
Answer<Reply> dmesg(Services& services, Call call);
Answer<Reply> doctor(Services& services, Call call);
Answer<Reply> metrics(Services& services, Call call);
Answer<Reply> openapi(Services& services, Call call);

} // namespace zocalo::toolstack::handlers
