# SPDX-License-Identifier: Apache-2.0
"""The kill matrix on both hypervisors: the daemon dies at its failpoints, and nobody's guest or disk can tell.

What is checked after each death is in dom0/kill_matrix.py. By default every name of a failpoint is visited
once, and of the points of each operation a spread. ZOCALO_KILL_STEP=1 visits all of them, which takes hours;
ZOCALO_KILL_STEP=8 with ZOCALO_KILL_PART=0 to 7 does the same in eight pieces.
"""
import json
import os
from pathlib import Path

import pytest

pytestmark = pytest.mark.long
HYPERVISORS = ("xen", "core")

HERE = Path(__file__).resolve().parent / "dom0"
FOLDER = "/run/zocalo-kill"
LIMIT_S = 7200
# Every n-th point. Laps in which a guest boots cost several times as much.
STEPS = {"build": 4, "plug": 5, "life": 16}


@pytest.mark.parametrize("lap", STEPS)
def test_the_daemon_may_die_at_any_failpoint(dom0, deb, lap):
    assert deb is not None, "no package was built: ./dev deb"
    for name in ("world.py", "kill_matrix.py"):
        dom0.put(f"{FOLDER}/{name}", (HERE / name).read_bytes())
    part = os.environ.get("ZOCALO_KILL_PART")
    asked = {"laps": {lap: int(os.environ.get("ZOCALO_KILL_STEP", STEPS[lap]))},
             "part": None if part is None else int(part)}
    said = bytearray()

    def show(data: bytes):
        said.extend(data)
        print(data.decode(errors="replace"), end="", flush=True)
    command = dom0.start(["python3", f"{FOLDER}/kill_matrix.py", json.dumps(asked)])
    command.end_input()
    status = command.wait(LIMIT_S, show, show)
    lines = said.decode(errors="replace").splitlines()
    assert status == 0, "\n".join(lines[-40:])
    assert "kills survived" in lines[-1]
