# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: boots kernels that end in a verdict, one after the other, with stock xl.

    python3 guest_kernels.py '[{"name": "events", "kernel": "/mnt/share/events", "vcpus": 1}, …]'

Prints a line of JSON for each: name, verdict, seconds, text (its console). The verdict is the word behind
`verdict: ` (or another `marker`) on the console; CRASH when the domain crashed instead, TIMEOUT when nothing
came, NOT CREATED with xl's words as text. A domain that said `expects a crash` and did is a SUCCESS.
"""
import json
import os
import re
import subprocess
import sys
import time

LIMIT_S = 240.0  # bounds a failure; the longest takes 20 s on a quiet host
MARKERS = re.compile(r"^(?:verdict|Test result): (\w+)", re.M)
EXPECTED_CRASH = "expects a crash"


def run(*words) -> subprocess.CompletedProcess:
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def config(kernel: dict) -> str:
    keys = {"name": f"t-{kernel['name']}", "type": "pv", "kernel": kernel["kernel"], "memory": kernel.get("memory", 16),
            "vcpus": kernel.get("vcpus", 1), "cmdline": kernel.get("cmdline", "")}
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


class Console:
    """What the domain writes, by the terminal that xenconsoled opens for it."""

    def __init__(self, domid: str):
        self.domid, self.fd, self.text = domid, -1, ""

    def open(self) -> bool:
        if self.fd < 0:
            path = run("xenstore-read", f"/local/domain/{self.domid}/console/tty").stdout.strip()
            if path:
                # As it is: xenconsoled has made it raw, and changing it would drop what was written before.
                self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        return self.fd >= 0

    def read(self) -> bool:
        try:
            data = os.read(self.fd, 65536) if self.open() else b""
        except BlockingIOError:
            data = b""
        except OSError:  # xenconsoled closed its end
            data = b""
        self.text += data.decode(errors="replace").replace("\r", "")
        return bool(data)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)


def has_crashed(domid: str) -> bool:
    lines = run("xl", "list", domid).stdout.splitlines()
    return len(lines) == 2 and "c" in lines[1].split()[4]


def verdict(console: Console) -> str:
    end = time.monotonic() + LIMIT_S
    look = time.monotonic() + 2
    while time.monotonic() < end:
        if console.read():
            continue
        if found := MARKERS.search(console.text):
            return found[1].upper()
        if time.monotonic() > look:
            look = time.monotonic() + 1
            if has_crashed(console.domid):
                console.read()
                return "SUCCESS" if EXPECTED_CRASH in console.text else "CRASH"
        time.sleep(0.05)
    return "TIMEOUT"


def boot(kernel: dict) -> tuple[str, str]:
    path = f"/run/guest-kernel-{kernel['name']}.cfg"
    with open(path, "w") as file:
        file.write(config(kernel))
    made = run("xl", "create", "-q", "-e", path)
    if made.returncode != 0:
        return "NOT CREATED", made.stdout + made.stderr
    domid = run("xl", "domid", f"t-{kernel['name']}").stdout.strip()
    console = Console(domid)
    try:
        return verdict(console), console.text
    finally:
        run("xl", "destroy", domid)
        console.close()


def main():
    for kernel in json.loads(sys.argv[1]):
        begun = time.monotonic()
        said, text = boot(kernel)
        print(json.dumps({"name": kernel["name"], "verdict": said, "seconds": round(time.monotonic() - begun, 1),
                          "text": text}), flush=True)


if __name__ == "__main__":
    main()
