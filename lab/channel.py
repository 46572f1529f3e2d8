# SPDX-License-Identifier: Apache-2.0
"""The host's end of the agent's channel: many commands at once over one stream.

The frames are described in agent/agent.py. A reader thread hands output to whoever started the
command; writers are serialised by a lock.
"""
import queue
import socket
import struct
import threading
import time

from lab.errors import LabError, LabTimeout

HEAD = struct.Struct(">cII")
FLAG_TTY = 1


class Command:
    """A command running in dom0. Output arrives in `wait`, through the callbacks."""

    def __init__(self, channel: "Channel", number: int):
        self._channel, self._number = channel, number
        self._frames: queue.SimpleQueue = queue.SimpleQueue()
        self.status: int | None = None

    def deliver(self, kind: bytes, payload: bytes):
        self._frames.put((kind, payload))

    def wait(self, timeout: float, on_out, on_err) -> int:
        """Passes output on until the command ends; its exit status, or LabTimeout."""
        end = time.monotonic() + timeout
        while self.status is None:
            left = end - time.monotonic()
            try:
                kind, payload = self._frames.get(timeout=max(left, 0.001))
            except queue.Empty:
                raise LabTimeout(f"the command did not end in {timeout:g} s") from None
            if kind == b"O":
                on_out(payload)
            elif kind == b"E":
                on_err(payload)
            elif kind == b"S":
                self.status = struct.unpack(">i", payload)[0]
            else:
                raise LabError("dom0 went away while the command was running")
        return self.status

    def expect(self, wanted: bytes, timeout: float) -> bytes:
        """Reads until `wanted` has been written; what came until then. For talking to consoles."""
        end, seen = time.monotonic() + timeout, bytearray()
        while wanted not in seen:
            try:
                kind, payload = self._frames.get(timeout=max(end - time.monotonic(), 0.001))
            except queue.Empty:
                raise LabTimeout(f"no {wanted!r} within {timeout:g} s; the last words were "
                                 f"{bytes(seen[-400:])!r}") from None
            if kind in b"OE":
                seen += payload
            else:
                self._frames.put((kind, payload))
                raise LabError(f"the command ended without {wanted!r}; it wrote {bytes(seen[-400:])!r}")
        return bytes(seen)

    def collect(self, timeout: float) -> tuple[int, bytes, bytes]:
        out, err = bytearray(), bytearray()
        status = self.wait(timeout, out.extend, err.extend)
        return status, bytes(out), bytes(err)

    def write(self, data: bytes):
        for start in range(0, len(data), 32768):
            self._channel.send(b"I", self._number, data[start:start + 32768])

    def end_input(self):
        self._channel.send(b"I", self._number)

    def signal(self, number: int):
        self._channel.send(b"K", self._number, bytes([number]))

    def resize(self, rows: int, columns: int):
        self._channel.send(b"W", self._number, struct.pack("=HH", rows, columns))


class Channel:
    """One stream to the agent."""

    def __init__(self, stream: socket.socket, on_journal):
        self._stream, self._on_journal = stream, on_journal
        self._lock = threading.Lock()
        self._commands: dict[int, Command] = {}
        self._next = 1
        self.hello = threading.Event()
        self.closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, argv: list[str], tty: bool = False) -> Command:
        if not self.hello.is_set():
            raise LabError("dom0 is not up")
        with self._lock:
            number = self._next
            self._next += 1
            command = self._commands[number] = Command(self, number)
        flags = bytes([FLAG_TTY if tty else 0])
        self.send(b"X", number, flags + b"\0".join(arg.encode() for arg in argv))
        return command

    def send(self, kind: bytes, number: int, payload: bytes = b""):
        try:
            with self._lock:
                self._stream.sendall(HEAD.pack(kind, number, len(payload)) + payload)
        except OSError as error:
            raise LabError(f"dom0 went away: {error.strerror}") from error

    def close(self):
        self._stream.close()

    def forget(self):
        """After a restart of the machine: nothing that ran before will answer."""
        self.hello.clear()
        with self._lock:
            gone, self._commands = self._commands, {}
        for command in gone.values():
            command.deliver(b"G", b"")

    def _read(self):
        try:
            while True:
                kind, number, length = HEAD.unpack(self._exactly(HEAD.size))
                payload = self._exactly(length)
                if kind == b"H":
                    self.hello.set()
                elif kind == b"J":
                    self._on_journal(payload)
                command = self._commands.get(number)
                if command is not None:
                    command.deliver(kind, payload)
                if kind == b"S":
                    self._commands.pop(number, None)
        except (OSError, EOFError):
            self.closed.set()
            self.forget()

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            more = self._stream.recv(length - len(data))
            if not more:
                raise EOFError
            data += more
        return bytes(data)
