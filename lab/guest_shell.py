# SPDX-License-Identifier: Apache-2.0
"""A shell on a guest's console, driven by a program: wait for text, run commands, get exit statuses.

The console is reached as a person would reach it: through `zl console` (or another command) running
on a terminal in dom0.
"""
import itertools
import re
import secrets
import threading
import time

from lab.errors import LabError, LabTimeout

COMMAND_LIMIT_S = 60.0
# What terminals are told about cursor and colour; nothing that a reader of text wants to see.
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>()][A-Z0-9]?|\r")


class GuestShell:
    """Reads a console from `argv` in dom0. `echo` gets each piece of output as it comes."""

    def __init__(self, machine, argv: list[str], echo=None):
        self._argv, self._echo = argv, echo
        self._text = bytearray()
        self._seen = 0
        self._arrived = threading.Condition()
        self._ended: str | None = None
        # A console replays what earlier shells left on it, their marks too: each shell has marks of its own.
        self._name, self._numbers = secrets.token_hex(3), itertools.count(1)
        self._command = machine.start(argv, tty=True)
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        """Detaches; the guest keeps running."""
        if self._ended is None:
            self._command.signal(15)

    def everything(self) -> str:
        with self._arrived:
            return CONTROL.sub(b"", bytes(self._text)).decode(errors="replace")

    def expect(self, pattern: str, within: float) -> str:
        """Waits for a line-based regular expression in output not yet consumed; what came before it."""
        wanted, end = re.compile(pattern.encode(), re.MULTILINE), time.monotonic() + within
        with self._arrived:
            while True:
                fresh = CONTROL.sub(b"", bytes(self._text[self._seen:]))
                found = wanted.search(fresh)
                if found:
                    # Consumed is counted in raw bytes: everything that was there when it matched.
                    self._seen = len(self._text)
                    return fresh[:found.start()].decode(errors="replace")
                if self._ended is not None:
                    raise LabError(f"{' '.join(self._argv)}: {self._ended}, while waiting for {pattern!r}")
                left = end - time.monotonic()
                if left <= 0:
                    raise LabTimeout(f"the guest did not print {pattern!r} within {within:g} s; its last words:\n"
                                     + fresh[-2000:].decode(errors="replace"))
                self._arrived.wait(left)

    def send(self, text: str):
        self._command.write(text.encode())

    def run(self, command: str, within: float = COMMAND_LIMIT_S) -> tuple[int, str]:
        """Runs one shell line in the guest: exit status and output."""
        number = f"{self._name}.{next(self._numbers)}"
        # The marks are spelled so that the echo of the typed line does not contain them.
        self.send(f"echo ==b''egin {number}==; {command}; echo ==e''nd {number} $?==\n")
        self.expect(rf"^==begin {number}==$", within)
        with self._arrived:
            at = bytes(self._text).rfind(f"==begin {number}==".encode())
            self._seen = at + len(f"==begin {number}==")
        output = self.expect(rf"==end {number} \d+==", within)
        with self._arrived:
            ended = re.search(rf"==end {number} (\d+)==".encode(), bytes(self._text))
        return int(ended[1]), output.strip("\n")

    def must(self, command: str, within: float = COMMAND_LIMIT_S) -> str:
        status, output = self.run(command, within)
        if status != 0:
            raise LabError(f"in the guest, `{command}` ended with {status}:\n{output}")
        return output

    def _read(self):
        def more(data: bytes):
            with self._arrived:
                self._text += data
                self._arrived.notify_all()
            if self._echo:
                self._echo(data)
        try:
            status = self._command.wait(1e9, more, more)
            reason = f"the console ended with status {status}"
        except LabError as error:
            reason = str(error)
        with self._arrived:
            self._ended = reason
            self._arrived.notify_all()
