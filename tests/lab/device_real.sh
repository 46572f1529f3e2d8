#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The daemon's edges on a real hypervisor, without the daemon; runs in dom0:
#
#     ./dev lab run --share DIR -- sh /mnt/share/device_real.sh
#
# DIR holds this file, device_driver, zocalo-blkback and zocalo-netback. A PV and a PVH guest get a disk
# and a card, the daemon's objects are made anew under them, a second disk comes and goes, nothing
# remains. One line for each check, "ok NAME" or "not ok NAME: WHY".
set -eu
share=$(dirname "$0")
guests=/var/lib/zocalo-lab/guests
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
install -D -t /usr/libexec/zocalo "$share/zocalo-blkback" "$share/zocalo-netback"
ip link show xenbr0 >/dev/null 2>&1 || ip link add xenbr0 type bridge
ip link set xenbr0 up
truncate -s 64M "$scratch/a.img" "$scratch/b.img"
for type in pv pvh; do
  echo "# $type"
  timeout 300 "$share/device_driver" "$type" "$guests/vmlinuz" "$guests/mini-initrd.img" \
    "$scratch/a.img" "$scratch/b.img" xenbr0
done
