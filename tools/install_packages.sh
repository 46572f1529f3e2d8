#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of tools/packages/LIST.txt that are not there yet.
# usage: install_packages.sh LIST…
set -euo pipefail
cd "$(dirname "$0")/packages"

fail() { echo "dev: $*" >&2; exit 1; }

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null ||
    fail "this needs Debian 12 (or a relative with apt-get); see tools/packages/ for what to install by hand"

wanted=$(for list in "$@"; do grep -v -e '^#' -e '^$' "$list.txt"; done | sort -u)
present=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | sed -n 's/^installed //p' | sort -u)
missing=$(comm -23 <(echo "$wanted") <(echo "$present"))
[ -n "$missing" ] || exit 0

free=$(df --output=avail -m /var/cache/apt | tail -1)
[ "$free" -ge 3000 ] || fail "$free MiB free on the disk of /var, and the packages may need 3000: make room"

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "not root and no sudo; as root: apt-get install $(echo $missing)"
    sudo=(sudo)
fi
echo "+ apt-get install $(echo $missing)" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
    # shellcheck disable=SC2086 # a list of names
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing \
        </dev/null >"$log" 2>&1
}
"${sudo[@]}" apt-get update >"$log" 2>&1 || true
install || fail "could not install $(echo $missing): $(grep -m1 -e '^E:' -e '^Err' "$log" || tail -1 "$log") (is the network up?)"
