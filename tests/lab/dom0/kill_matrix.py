# SPDX-License-Identifier: Apache-2.0
"""Runs in dom0: kills the daemon with SIGKILL at its failpoints and compares what is left with what should be.

    python3 kill_matrix.py '{"laps": {"build": 1}}'

A lap is a round of operations that ends where it began (LAPS). The first lap is undisturbed: it counts
each operation's failpoints and records the world after it. Then each lap gives each operation one point k
to die at: the daemon is started so that it dies there, zl is told to do the operation, systemd starts the
daemon again, and after it has come to rest

- zl has succeeded: whoever asked got what was promised, although the daemon died;
- the world is the one of the undisturbed lap (world.py): nothing missing, nothing left behind;
- the operation stands once in the journal, and each end, start, attach and detach happened once;
- event numbers went on, and the guest is the same one unless the operation was to end it.

Prints a line for each k; stops at the first failure and leaves everything as it is, for the evidence.
"""
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import world

WORK = Path("/var/lib/zocalo-lab/kill")
GUESTS = "/var/lib/zocalo-lab/guests"
PLAN, STARTS, LOG = WORK / "plan", WORK / "starts", WORK / "points"
SETTLE_S = 90.0
# What may happen once only for one request.
ONCE = ("domain.running", "domain.ended", "domain.stopped", "domain.restarting", "device.attached", "device.detached")

# Much memory for so small a guest: Linux 6.1 loses 1 MiB with each card that is taken away (docs/common-errors.md).
CONFIG = f"""
name = "web"
type = "pv"
kernel = "{GUESTS}/vmlinuz"
ramdisk = "{GUESTS}/mini-initrd.img"
cmdline = "console=hvc0 quiet mitigations=off"
memory = 256
disk = [ "format=raw, vdev=xvda, access=rw, target={WORK}/a.img" ]
vif = [ "mac=00:16:3e:5a:00:01, bridge=xenbr0" ]
"""
# Each start of the daemon takes the first line of the plan into its environment, so that a kill is
# planned for one start only, and restarts by systemd happen as they do for users.
START = f"""#!/bin/sh
echo start >> {STARTS}
if [ -s {PLAN} ]; then export "$(head -n 1 {PLAN})"; sed -i 1d {PLAN}; fi
exec /usr/sbin/toolstackd
"""
DROP_IN = f"[Service]\nExecStart=\nExecStart={WORK}/start\n"

OPERATIONS = {
    "create": ["create", f"{WORK}/web.cfg"],
    "create paused": ["create", "-p", f"{WORK}/web.cfg"],
    "reboot": ["reboot", "-w", "web"],
    "block-attach": ["block-attach", "web", f"format=raw,vdev=xvdb,access=rw,target={WORK}/b.img"],
    "network-attach": ["network-attach", "web", "mac=00:16:3e:5a:00:02,bridge=xenbr0"],
    "block-detach": ["block-detach", "web", "xvdb"],
    "network-detach": ["network-detach", "web", "1"],
    "shutdown": ["shutdown", "-w", "web"],
    "destroy": ["destroy", "web"],
}
# What goes round, after what was done once. Only the last needs a guest that boots each time.
LAPS = {
    "build": ([], ["create paused", "destroy"]),
    "plug": (["create"], ["block-attach", "network-attach", "block-detach", "network-detach"]),
    "life": ([], ["create", "reboot", "shutdown"]),
}
# Devices that a guest has connected after the operation, of those that it has.
CONNECTED = {"create paused": 0, "create": 2, "reboot": 2, "block-attach": 3, "network-attach": 4,
             "block-detach": 3, "network-detach": 2}
NEW_GUEST = ("create", "create paused", "reboot", "shutdown", "destroy")


class Broken(Exception):
    """An invariant does not hold."""


def shell(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=300)


def prepare():
    WORK.mkdir(exist_ok=True)
    for name in ("a.img", "b.img"):
        with (WORK / name).open("wb") as image:
            image.truncate(64 << 20)
    (WORK / "web.cfg").write_text(CONFIG)
    (WORK / "start").write_text(START)
    (WORK / "start").chmod(0o755)
    folder = Path("/run/systemd/system/toolstackd.service.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kill.conf").write_text(DROP_IN)
    if not Path("/sys/class/net/xenbr0").exists():
        shell("ip", "link", "add", "xenbr0", "type", "bridge", "forward_delay", "0")
    shell("ip", "link", "set", "xenbr0", "up")
    shell("systemctl", "daemon-reload")


def restart(*plan: str):
    """A daemon of which each start takes the next line of the plan."""
    PLAN.write_text("".join(f"{line}\n" for line in plan))
    STARTS.write_text("")
    shell("systemctl", "restart", "toolstackd", check=False)  # it may die while it starts


def starts() -> int:
    return len(STARTS.read_text().split())


def wait_for(what: str, check, limit: float = SETTLE_S):
    """Polls a condition of the world; the daemon may be away meanwhile."""
    end, last = time.monotonic() + limit, ""
    while time.monotonic() < end:
        try:
            value = check()
            if value:
                return value
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            last = f" ({error!r})"
        time.sleep(0.1)
    raise Broken(f"not within {limit:g} s: {what}{last}")


def at_rest(operation: str) -> bool:
    """No operation under way, and the guest has connected to all that it has, or has not begun."""
    states = [line for kind in ("zblk", "znet") for line in shell(
        "xenstore-ls", "-f", f"/local/domain/0/zocalo/backend/{kind}", check=False).stdout.splitlines() if "/state = " in line]
    wanted = CONNECTED.get(operation, 0)
    connected = sum('"4"' in line for line in states)
    return connected == wanted and (wanted == 0 or len(states) == wanted) and not world.ask("/v1/ops?active=1")


def journal(since: tuple[int, int]) -> tuple[list, Counter, tuple[int, int]]:
    """Operations and once-only events after those numbers, and the newest numbers."""
    op, event = since
    ops = world.rows(f"SELECT id, verb, state, error FROM op WHERE id > {op} ORDER BY id")
    events = world.rows(f"SELECT seq, kind FROM event WHERE seq > {event} ORDER BY seq")
    newest = (ops[-1][0] if ops else op, events[-1][0] if events else event)
    return ops, Counter(kind for _, kind in events if kind in ONCE), newest


class Matrix:
    """The laps; `points` are the failpoints' names in order, by operation."""

    def __init__(self):
        self.points: dict[str, list[str]] = {}
        self.worlds: dict[str, dict] = {}
        self.events: dict[str, Counter] = {}
        self.seen = (0, 0)
        self.domid = -1

    def undisturbed(self, operation: str):
        """Does the operation once without a kill, and learns from it."""
        LOG.unlink(missing_ok=True)
        restart(f"ZOCALO_FAILPOINT_LOG={LOG}")
        self._act(operation)
        wait_for(f"rest after {operation}", lambda: at_rest(operation))
        found = world.snapshot()
        wait_for("two equal worlds", lambda: self._same(found))
        self.worlds[operation] = found
        _, self.events[operation], self.seen = journal(self.seen)
        self._note_guest()
        self.points[operation] = LOG.read_text().split() if LOG.exists() else []
        print(f"{operation}: {len(self.points[operation])} failpoints", flush=True)

    @staticmethod
    def _same(found: dict) -> bool:
        again = world.snapshot()
        if again == found:
            return True
        found.clear()
        found.update(again)
        return False

    def killed(self, operation: str, kills: list[int]):
        """Does the operation with the daemon dying at each of `kills`, counted from its last start."""
        name = self.points[operation][kills[0] - 1]
        begin = time.monotonic()
        restart(*(f"ZOCALO_FAILPOINT_KILL={k}" for k in kills))
        self._act(operation)
        wait_for(f"the death at {kills}", lambda: starts() >= 2)
        self.check(operation)
        if starts() > 1 + len(kills):
            raise Broken(f"the daemon was started {starts()} times")
        print(f"{operation} {kills} {name}: {time.monotonic() - begin:.1f} s", flush=True)

    def check(self, operation: str):
        difference: list[str] = []

        def equal() -> bool:
            difference[:] = world.difference(self.worlds[operation], world.snapshot())
            return not difference
        try:
            wait_for(f"the world as it should be after {operation}", equal)
        except Broken as error:
            raise Broken("\n".join([str(error), *difference])) from None
        before, domid = self.seen, self.domid
        ops, events, self.seen = journal(self.seen)
        if [(verb, state) for _, verb, state, _ in ops] != [(operation.split()[0], "done")]:
            raise Broken(f"the journal holds {ops}, not one {operation} that is done")
        if events != self.events[operation]:
            raise Broken(f"events {dict(events)} instead of {dict(self.events[operation])}")
        if self.seen[1] < before[1]:
            raise Broken("event numbers went back")
        self._note_guest()
        if operation not in NEW_GUEST and self.domid != domid:
            raise Broken(f"domain {domid} became domain {self.domid}")

    def _act(self, operation: str):
        done = shell("zl", *OPERATIONS[operation], check=False)
        if done.returncode != 0:
            raise Broken(f"zl {operation} ended with {done.returncode}: {done.stdout}{done.stderr}")

    def _note_guest(self):
        self.domid = next((domid for domid, _, name in world.known() if name == "web"), -1)

    def plainly(self, operation: str):
        """Does the operation with nobody in the way."""
        self._act(operation)
        wait_for(f"rest after {operation}", lambda: at_rest(operation))
        _, _, self.seen = journal(self.seen)
        self._note_guest()

    def go_round(self, before: list[str], lap: list[str], choose) -> int:
        """Learns the lap, then repeats it until each kill that `choose` picks was made; how many."""
        restart()
        for operation in before:
            self.plainly(operation)
        self.points = {}
        for operation in lap:
            self.undisturbed(operation)
        wanted = choose(self.points)
        made = sum(len(kills) for kills in wanted.values())
        while any(wanted.values()):
            for operation in lap:
                if wanted[operation]:
                    self.killed(operation, wanted[operation].pop(0))
                else:
                    self.plainly(operation)
        if before:
            self.plainly("destroy")
        return made


def spread(points: dict[str, list[str]], step: int, part: int | None, met: set[str]) -> dict[str, list[list[int]]]:
    """Every `step`-th point of each operation, another remainder for each, and each new name once.

    With a `part`, from 0 to `step` - 1, only every `step`-th point: all parts together are all points.
    """
    chosen = {operation: {k for k in range(1, len(names) + 1) if (k + shift + (part or 0)) % step == 0}
              for shift, (operation, names) in enumerate(points.items())}
    if part is not None:
        return {operation: [[k] for k in sorted(ks)] for operation, ks in chosen.items()}
    met |= {points[operation][k - 1] for operation, ks in chosen.items() for k in ks}
    for operation, names in points.items():
        for k, name in enumerate(names, 1):
            if name not in met:
                chosen[operation].add(k)
                met.add(name)
    return {operation: [[k] for k in sorted(ks)] for operation, ks in chosen.items()}


def main() -> int:
    """argv[1]: {"laps": {name of a lap: step}, "part": null or a number below each step}"""
    asked = json.loads(sys.argv[1])
    steps, part = asked["laps"], asked.get("part")
    prepare()
    matrix, met, begin = Matrix(), set(), time.monotonic()
    made = total = 0
    try:
        for name, step in steps.items():
            made += matrix.go_round(*LAPS[name], lambda points: spread(points, step, part, met))
            total += sum(len(names) for names in matrix.points.values())
    except Broken as broken:
        print(f"BROKEN {broken}", flush=True)
        return 1
    print(f"{made} of {total} kills survived in {time.monotonic() - begin:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
