// SPDX-License-Identifier: Apache-2.0
// The kernel's linux/virtio_net.h for C++: it names a structure member `class`. Included instead of
// the original by whoever needs virtio_net_hdr_v1.
#pragma once

#include <linux/if_ether.h>
#include <linux/types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_types.h>

#define class class_ // NOLINT: see above; every header it includes was included before
#include <linux/virtio_net.h>
#undef class
