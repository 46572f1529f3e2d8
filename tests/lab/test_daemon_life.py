# SPDX-License-Identifier: Apache-2.0
"""The daemon's own life under systemd: stopped, started by its socket, restarted, hung; and the host's end."""
import time

import pytest
from toolstack import BOOT_LIMIT_S, Guest, until

from lab.guest_shell import GuestShell

UNIT = "toolstackd.service"
DROP_INS = f"/run/systemd/system/{UNIT}.d"


def shown(dom0, what: str) -> str:
    return dom0.must(["systemctl", "show", "-P", what, UNIT]).strip()


def pid(dom0) -> int:
    return int(shown(dom0, "MainPID"))


@pytest.fixture(scope="module")
def running(zl, leak_check):
    """A guest that must not notice anything. Nobody is at its console between tests."""
    made = Guest(zl, "steady", "pv", vif=["bridge=xenbr0"])
    made.create()
    made.domid_at_first = made.domid
    made.attach()
    made.detach()
    leak_check.forget()
    yield made
    made.remove()
    leak_check.forget()


def unharmed(running):
    """The same domain, and its console goes on where it was."""
    assert running.domid == running.domid_at_first
    assert running.attach().must("echo still he''re").strip() == "still here"
    running.detach()


def test_the_hosts_end_stops_guests_and_destroys_those_that_do_not_listen(dom0, zl, xl):
    """What systemd does with zocalo-guests.service when the machine goes down. First, while no other guest runs."""
    listens = Guest(zl, "listens", "pv")
    deaf = Guest(zl, "deaf", "pv")
    listens.create()
    shell = GuestShell(dom0, ["zl", "console", "--read-only", "listens"])
    shell.expect("zocalo-mini: ready", BOOT_LIMIT_S)
    shell.close()
    deaf.create("-p")
    drop_in = "/run/systemd/system/zocalo-guests.service.d"
    dom0.put(f"{drop_in}/short.conf", "[Service]\nEnvironment=ZOCALO_STOP_SECONDS=20\n")
    dom0.must("systemctl daemon-reload && systemctl start zocalo-guests && systemctl stop zocalo-guests")
    assert not {"listens", "deaf"} & set(xl.domains()) and not {"listens", "deaf"} & set(zl.names())
    reasons = {row["name"]: row["body"]["reason"] for row in zl.json("events", "--no-follow")
               if row["kind"] == "domain.ended"}
    assert reasons["listens"] == "poweroff"
    dom0.must(f"rm -r {drop_in} && systemctl daemon-reload && systemctl start zocalo-guests")
    listens.remove()
    deaf.remove()


def test_the_hosts_end_leaves_guests_their_disks_until_they_have_gone(dom0, zl):
    """The scope is to stop while guests stop, as at the end of the host; it waits. Before any other guest runs, again."""
    guest = Guest(zl, "writes", "pv", vif=["bridge=xenbr0"]).create()
    until(lambda: "net-" in dom0.must("ls /sys/fs/cgroup/system.slice/zocalo-backends.scope"), "the backend is in the scope")
    guest.attach()
    guest.detach()
    since = dom0.must("date +%s.%N").strip()
    dom0.must("systemctl stop zocalo-guests.service zocalo-backends.scope && systemctl start zocalo-guests.service")
    said = dom0.must(f"journalctl -q -o cat --since=@{since} -u zocalo-backends.scope -u zocalo-guests.service")
    # It may be gone by itself, with the last guest's backends.
    assert "Stopping zocalo-backends.scope" not in said[:said.index("Stopped zocalo-guests")], said
    ends = [row["body"]["reason"] for row in zl.json("events", "--no-follow")
            if row["kind"] == "domain.ended" and row["name"] == "writes"]
    assert ends == ["poweroff"]
    guest.remove()


# Of those that stand alone in the unit's list of system calls: number, and arguments with which a privileged process may.
REFUSED = {"personality": (135, 0xffffffff), "sched_setscheduler": (144, 0, 0, 0), "sched_setparam": (142, 0, 0),
           "sched_setattr": (314, 0, 0, 0), "sethostname": (170, 0, 0), "setdomainname": (171, 0, 0), "syslog": (103, 10, 0, 0),
           "settimeofday": (164, 0, 0), "clock_settime": (227, 0, 0), "adjtimex": (159, 0), "init_module": (175, 0, 0, 0),
           "finit_module": (313, -1, 0, 0), "delete_module": (176, 0, 0)}


def test_the_daemons_list_of_system_calls_refuses_what_other_options_would(dom0):
    """In a unit of the same lines that runs a probe instead; each answer is the list's own (EPERM), whatever the rights."""
    calls = "; ".join(f"$!=0; print '{name} ', syscall({', '.join(map(str, words))}) < 0 ? $!+0 : 0, qq(\\n)"
                      for name, words in REFUSED.items())
    dom0.put("/run/systemd/system/zocalo-probe.service", "[Service]\n" + "\n".join(
        line for line in dom0.must(["systemctl", "cat", UNIT]).split("[Service]")[1].split("[Install]")[0].splitlines()
        if line.split("=")[0] not in ("Type", "ExecStart", "Restart", "RestartSec", "WatchdogSec")
        and "Directory" not in line) + '\nType=oneshot\nExecStart=/usr/bin/perl /run/zocalo-probe.pl\n')
    dom0.put("/run/zocalo-probe.pl", calls + "\n")
    dom0.must("systemctl daemon-reload && systemctl start zocalo-probe")
    try:
        said = dom0.must("journalctl --unit zocalo-probe --output cat").splitlines()
    finally:
        dom0.must("rm /run/zocalo-probe.pl /run/systemd/system/zocalo-probe.service && systemctl daemon-reload")
    answers = {name: answer for name, answer in (line.split() for line in said if len(line.split()) == 2)}
    assert {name: answers.get(name) for name in REFUSED} == dict.fromkeys(REFUSED, "1")


def test_a_backend_has_a_group_of_its_own_however_long_the_daemon_has_been_idle(dom0, running):
    """The daemon reached systemd when it started, minutes ago; dbus drops who says nothing for so long."""
    group = f"/zocalo-backends.scope/net-{running.uuid}"
    pid = dom0.must(f"pgrep -f '^zocalo-netback.*--domain={running.domid}( |$)'").strip()
    until(lambda: dom0.must(f"cat /proc/{pid}/cgroup").strip().endswith(group), f"{pid} is in {group}")
    folder = f"/sys/fs/cgroup/system.slice{group}"
    until(lambda: dom0.must(f"cat {folder}/pids.max {folder}/memory.max").split() == ["8", "805306368"], "it is bounded")


def test_a_stopped_daemon_is_started_by_the_first_who_asks(dom0, zl, running):
    dom0.must(f"systemctl stop {UNIT}")
    assert shown(dom0, "ActiveState") == "inactive" and shown(dom0, "Result") == "success"
    assert "steady" in zl.names()
    assert shown(dom0, "ActiveState") == "active"
    unharmed(running)


def test_clients_wait_in_the_socket_while_the_daemon_restarts(dom0, running):
    """Nobody is refused, whatever moment of three restarts they come in."""
    script = (f"for i in 1 2 3; do sleep 0.5; systemctl restart {UNIT}; done & restarts=$!; n=0; "
              "while kill -0 $restarts 2>/dev/null; do zl domid steady > /dev/null || exit 1; n=$((n+1)); done; "
              "wait $restarts && zl domid steady >/dev/null && echo $n")
    before = pid(dom0)
    assert int(dom0.must(["bash", "-c", script])) > 3
    assert pid(dom0) != before
    unharmed(running)


def test_sigterm_lets_what_is_under_way_come_to_an_end(dom0, zl, running):
    guest = Guest(zl, "under-way", "pv")
    op = int(zl("create", "-p", "--no-wait", guest.file))
    dom0.must(f"systemctl stop {UNIT}")
    assert shown(dom0, "Result") == "success" and shown(dom0, "ExecMainStatus") == "0"
    # Done before it stopped, or left for the next start: in both cases it ends as was promised.
    assert zl.json("ops", "wait", op)["state"] == "done"
    assert zl.state("under-way") == "paused"
    guest.remove()
    unharmed(running)


def test_a_client_that_waits_gets_its_answer_from_the_next_daemon(dom0, zl, running):
    guest = Guest(zl, "asked", "pv").create("-p")
    waiting = dom0.start(["zl", "shutdown", "-w", "--timeout", "120", "asked"])
    waiting.end_input()
    until(lambda: zl.json("ops", "--active"), "the shutdown is under way")
    dom0.must(f"systemctl restart {UNIT}")
    zl("destroy", "asked")
    status, out, err = waiting.collect(120)
    assert status == 0, (out, err)
    guest.remove()


def test_a_daemon_that_hangs_is_replaced_by_the_watchdog(dom0, zl, running):
    dom0.put(f"{DROP_INS}/watchdog.conf", "[Service]\nWatchdogSec=6\nLimitCORE=0\n")
    dom0.must(f"systemctl daemon-reload && systemctl restart {UNIT}")
    hung, restarts = pid(dom0), int(shown(dom0, "NRestarts"))
    dom0.must(f"kill -STOP {hung}")
    asking = dom0.start(["zl", "list"])  # while nobody listens
    asking.end_input()
    until(lambda: int(shown(dom0, "NRestarts")) > restarts and pid(dom0) not in (0, hung), "another daemon")
    until(lambda: shown(dom0, "ActiveState") == "active", "it is ready")
    assert "watchdog" in dom0.must(f"journalctl -b -u {UNIT} --no-pager").lower()
    # Its connection died with the hung daemon; whoever asks anew is answered.
    asking.collect(60)
    assert "steady" in zl.names()
    dom0.must(f"rm -r {DROP_INS} && systemctl daemon-reload && systemctl restart {UNIT}")
    unharmed(running)


def test_a_healthy_daemon_feeds_its_watchdog(dom0, zl, running):
    dom0.put(f"{DROP_INS}/watchdog.conf", "[Service]\nWatchdogSec=6\n")
    dom0.must(f"systemctl daemon-reload && systemctl restart {UNIT}")
    before, since = pid(dom0), time.monotonic()
    while time.monotonic() - since < 10:
        zl("list")
    assert pid(dom0) == before
    dom0.must(f"rm -r {DROP_INS} && systemctl daemon-reload && systemctl restart {UNIT}")


def test_a_xenstored_that_hangs_is_waited_for_and_nothing_is_lost(dom0, zl, xl, running):
    """Whoever needs it is told within the limit; the daemon stays, and goes on when xenstored does."""
    xenstored = dom0.must("cat /run/xenstore.pid").strip()
    before = pid(dom0)
    guest = Guest(zl, "patient", "pv")
    dom0.must(f"kill -STOP {xenstored}")
    try:
        # Whose name is free cannot be known meanwhile.
        assert "xenstored did not answer" in zl.fails(6, "create", "-p", guest.file)
        assert zl.json("ops", "--active") == []
    finally:
        dom0.must(f"kill -CONT {xenstored}")
    guest.create("-p")
    assert pid(dom0) == before
    assert xl.node(guest.path("name")) == "patient"
    guest.remove()
    unharmed(running)
