// SPDX-License-Identifier: Apache-2.0
// GrantStatus: what a grant operation answers for one item of its list (GNTST_* of
// xen/grant_table.h). The whole hypercall has an Errno besides.
#pragma once

#include "common/base/result.hpp"

#include <xen/grant_table.h>

#include <cstdint>

namespace zocalo::hv {

enum class GrantStatus : std::int16_t {
    okay = GNTST_okay,
    general_error = GNTST_general_error,
    bad_domain = GNTST_bad_domain,
    bad_gntref = GNTST_bad_gntref,
    bad_handle = GNTST_bad_handle,
    bad_virt_addr = GNTST_bad_virt_addr,
    bad_dev_addr = GNTST_bad_dev_addr,
    no_device_space = GNTST_no_device_space,
    permission_denied = GNTST_permission_denied,
    bad_page = GNTST_bad_page,
    bad_copy_arg = GNTST_bad_copy_arg,
    no_space = GNTST_no_space,
};

template <class T> using GrantResult = Result<T, GrantStatus>;

} // namespace zocalo::hv
