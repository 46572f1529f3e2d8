# SPDX-License-Identifier: Apache-2.0
"""zl console and zl logs: history, many readers, one writer, the key that lets go, and stock xl's console."""
import pytest
from toolstack import until

from lab.errors import LabError
from lab.guest_shell import GuestShell


@pytest.fixture
def attach(guest, dom0):
    """A function that attaches one more console; all are closed at the end."""
    shells: list[GuestShell] = []

    def one(*options) -> GuestShell:
        shells.append(GuestShell(dom0, ["zl", "console", *options, guest.name]))
        return shells[-1]

    yield one
    for shell in shells:
        shell.close()


def test_a_reader_gets_the_history_and_then_what_comes(guest, attach):
    guest.shell.must("echo written before")
    reader = attach("--read-only")
    reader.expect("^written before$", 60)
    guest.shell.must("echo written after")
    reader.expect("^written after$", 60)


def test_a_reader_may_ask_for_a_part_of_the_history(guest, zl, attach):
    guest.shell.must("echo a long line that only the whole history has; seq 1 400")
    late = attach("--read-only", "--replay", "200")
    late.expect("^400$", 60)
    assert "only the whole history" not in late.everything()
    assert len(zl("logs", "-n", "100", guest.name)) == 100
    assert "only the whole history" in zl("logs", guest.name)


def test_one_writes_and_another_must_take_it_over(guest, zl, attach):
    assert "--steal" in zl.fails(4, "console", guest.name)
    thief = attach("--steal")
    thief.send("echo sto''len\n")
    thief.expect("^stolen$", 60)
    guest.detach()  # it only reads now
    thief.close()
    assert guest.attach().must("echo back").strip() == "back"


def test_the_detach_key_lets_go_and_the_guest_stays(guest, attach):
    for options, key in (((), "\x1d"), (("-e", "^P"), "\x10")):
        reader = attach("--read-only", *options)
        reader.expect("zocalo-mini: ready", 60)
        reader.send(key)
        reader.expect("detached", 60)
        with pytest.raises(LabError, match="status 0"):
            reader.expect("never said", 60)
    assert guest.shell.must("echo there").strip() == "there"


def test_logs_follow_until_interrupted(guest, dom0):
    following = dom0.start(["zl", "logs", "-f", guest.name])
    guest.shell.must("echo fol''lowed")
    following.expect(b"followed", 60)
    following.signal(15)


def test_the_consoles_file_holds_what_was_said(guest, dom0):
    guest.shell.must("echo for the fi''le")
    file = f"/var/log/zocalo/console/{guest.name}-{guest.uuid}.log"
    until(lambda: "for the file" in dom0.get(file).decode(errors="replace"), f"{file} has it")


def test_stock_xl_console_says_that_the_console_is_not_xenconsoleds(guest, dom0):
    """The daemon serves it (console/type is zocalo), so xenconsoled makes no terminal: docs/xl-beside-zl.md."""
    status, _, err = dom0.run(["timeout", "60", "xl", "console", guest.name])
    assert "Could not read tty from store" in err, (status, err)
