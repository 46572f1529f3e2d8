# SPDX-License-Identifier: Apache-2.0
"""What a test leaves behind in dom0: looked at before it, looked at after it, compared.

Used by conftest.py's fixture `no_leaks`. What is looked at is in dom0/state.py, which runs in dom0.
"""
import json
import re
import time
from pathlib import Path

SCRIPT = Path(__file__).with_name("dom0") / "state.py"
SETTLE_S = 30  # a domain's last pages and its processes go a little after its end is announced
# Xen keeps a few pages of its own for what it has seen once (a scheduler's unit, a table that grew).
MEMORY_SLACK_MIB = 2
ALLOWED = re.compile(
    # Directories without anything in them, which stay for the next device of the kind.
    r"/local/domain/0/backend(/\w+)?|/local/domain/0/zocalo(/backend(/\w+)?)?|/libxl|/vm"
    r"|/local/domain/[^/]+/device/(vbd|vif)|/libxl/[^/]+/device(/(vbd|vif))?"
    # Stock xl writes down dom0's memory when it first needs it.
    r"|/local/domain/0/memory(/static-max|/target)?")


def differences(before: dict, after: dict) -> list[str]:
    """One line for each thing that was not there before, or is not there any more."""
    lines = []
    for part, old in before.items():
        new = after[part]
        if isinstance(old, int):
            if abs(new - old) > MEMORY_SLACK_MIB:
                lines.append(f"{part}: {old} before, {new} after")
            continue
        extra, missing = list(new), []
        for line in old:
            if line in extra:
                extra.remove(line)
            else:
                missing.append(line)
        lines += [f"{part}: left behind: {line}" for line in extra if not ALLOWED.fullmatch(line)]
        lines += [f"{part}: lost: {line}" for line in missing if not ALLOWED.fullmatch(line)]
    return lines


class LeakCheck:
    """Of one machine. What one test leaves fails that test only: the next one starts from there."""

    def __init__(self, dom0):
        self._dom0, self._last = dom0, None

    def forget(self):
        """Something outside of any test (a shared guest) changed what is there."""
        self._last = None

    def begin(self):
        if self._last is None:
            self._last = self._look()

    def end(self) -> list[str]:
        if self._last is None:  # the test itself has changed what is there on purpose
            return []
        limit = time.monotonic() + SETTLE_S
        while True:
            now = self._look()
            found = differences(self._last, now)
            if not found or time.monotonic() > limit:
                self._last = now
                return found
            time.sleep(0.5)

    def _look(self) -> dict:
        return json.loads(self._dom0.must(["/usr/bin/python3", "-I", "-S", "-"], 120, SCRIPT.read_bytes()))
