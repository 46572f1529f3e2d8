# SPDX-License-Identifier: Apache-2.0
"""Runs the lab's commands in dom0, over a virtio serial port.

A frame is type (1 byte), command id and payload length (32 bits each, big endian), payload.
From the host: X start (flags byte, then NUL-joined argv), I standard input (empty = end of file),
K signal number, W rows and columns. To the host: H hello, O and E output, S exit status (signed
32 bits; a signal N counts as 128+N), J a line of the journal. Output is passed as it is, byte for byte, and S of a command
follows its last O and E. Kept to the few modules that python loads fast under emulation.
"""
import errno
import os
import select
import signal
import struct

HEAD = struct.Struct(">cII")
PORT = "/dev/virtio-ports/zocalo.lab"
FALLBACK = "/dev/vport0p1"
FLAG_TTY = 1
CHUNK = 65536


class Command:
    """One running command: its descriptors and the input it has not read yet."""

    def __init__(self, number, pid, stdin, outputs):
        self.number, self.pid, self.stdin = number, pid, stdin
        self.outputs = outputs  # descriptor → frame type
        self.pending = bytearray()
        self.input_ended = False
        self.status = None


class Agent:
    """The loop: frames in, frames out, children in between."""

    def __init__(self, port):
        self.port = port
        self.buffer = bytearray()
        self.commands = {}
        self.poll = select.poll()
        self.poll.register(port, select.POLLIN)
        self.wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.poll.register(self.wakeup, select.POLLIN)
        # Descriptor 3 is journald's syslog socket, when systemd passed it (sd_listen_fds(3)).
        self.journal = 3 if os.environ.pop("LISTEN_FDS", "") == "1" else None
        os.environ.pop("LISTEN_PID", None)
        if self.journal is not None:
            os.set_inheritable(self.journal, False)
            os.set_blocking(self.journal, False)
            self.poll.register(self.journal, select.POLLIN)

    def send(self, kind, number, payload=b""):
        data = memoryview(HEAD.pack(kind, number, len(payload)) + payload)
        while data:
            data = data[os.write(self.port, data):]

    def run(self):
        self.send(b"H", 0)
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.port:
                    self.receive()
                elif fd == self.wakeup:
                    os.read(self.wakeup, 512)
                    self.reap()
                elif fd == self.journal:
                    self.pass_journal()
                else:
                    self.serve(fd)

    def pass_journal(self):
        try:
            self.send(b"J", 0, os.read(self.journal, CHUNK))
        except BlockingIOError:
            pass

    def receive(self):
        self.buffer += os.read(self.port, CHUNK)
        while len(self.buffer) >= HEAD.size:
            kind, number, length = HEAD.unpack_from(self.buffer)
            end = HEAD.size + length
            if len(self.buffer) < end:
                return
            payload = bytes(self.buffer[HEAD.size:end])
            del self.buffer[:end]
            self.handle(kind, number, payload)

    def handle(self, kind, number, payload):
        command = self.commands.get(number)
        if kind == b"X":
            self.start(number, payload[0], payload[1:].split(b"\0"))
        elif command is None:
            return
        elif kind == b"I":
            if payload:
                command.pending += payload
            else:
                command.input_ended = True
            self.feed(command)
        elif kind == b"K":
            try:
                os.killpg(command.pid, payload[0])
            except ProcessLookupError:
                pass
        elif kind == b"W" and command.stdin is not None:
            import fcntl
            import termios
            fcntl.ioctl(command.stdin, termios.TIOCSWINSZ, payload + b"\0\0\0\0")

    def start(self, number, flags, argv):
        if flags & FLAG_TTY:
            pid, master = os.forkpty()
            if pid == 0:
                execute(argv)
            command = Command(number, pid, master, {master: b"O"})
        else:
            (in_r, in_w), (out_r, out_w), (err_r, err_w) = os.pipe(), os.pipe(), os.pipe()
            pid = os.fork()
            if pid == 0:
                os.setsid()
                for target, fd in enumerate((in_r, out_w, err_w)):
                    os.dup2(fd, target)
                execute(argv)
            for fd in (in_r, out_w, err_w):
                os.close(fd)
            command = Command(number, pid, in_w, {out_r: b"O", err_r: b"E"})
        os.set_blocking(command.stdin, False)
        self.commands[number] = command
        for fd in command.outputs:
            self.poll.register(fd, select.POLLIN)

    def serve(self, fd):
        for command in list(self.commands.values()):
            if fd in command.outputs:
                self.drain(command, fd)
            if fd == command.stdin:
                self.feed(command)

    def drain(self, command, fd):
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return
        except OSError as error:  # a pty answers EIO when its last user is gone
            if error.errno != errno.EIO:
                raise
            data = b""
        if data:
            self.send(command.outputs[fd], command.number, data)
            return
        self.close_output(command, fd)
        self.finish(command)

    def close_output(self, command, fd):
        del command.outputs[fd]
        self.poll.unregister(fd)
        if fd == command.stdin:
            command.stdin = None
        os.close(fd)

    def feed(self, command):
        fd = command.stdin
        if fd is None:
            command.pending.clear()
            return
        try:
            while command.pending:
                del command.pending[:os.write(fd, command.pending[:CHUNK])]
        except BlockingIOError:
            self.watch_input(command, True)
            return
        except OSError:  # the reader is gone
            command.pending.clear()
            command.input_ended = True
        self.watch_input(command, False)
        if command.input_ended and fd not in command.outputs:
            command.stdin = None
            os.close(fd)

    def watch_input(self, command, wanted):
        base = select.POLLIN if command.stdin in command.outputs else 0
        if wanted:
            self.poll.register(command.stdin, base | select.POLLOUT)
        elif base:
            self.poll.register(command.stdin, base)
        else:
            try:
                self.poll.unregister(command.stdin)
            except KeyError:
                pass

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for command in list(self.commands.values()):
                if command.pid == pid:
                    command.status = os.waitstatus_to_exitcode(status)
                    self.finish(command)

    def finish(self, command):
        """Answers once the command has ended and its output is through.

        A daemon that the command left behind may hold the pipes for ever: what is in them when the
        command ends is still passed on, then they are closed.
        """
        if command.status is None:
            return
        for fd in list(command.outputs):
            os.set_blocking(fd, False)
            while True:
                try:
                    data = os.read(fd, CHUNK)
                except OSError:
                    data = b""
                if not data:
                    break
                self.send(command.outputs[fd], command.number, data)
            self.close_output(command, fd)
        if self.commands.pop(command.number, None) is None:
            return
        if command.stdin is not None:
            self.watch_input(command, False)
            os.close(command.stdin)
        status = command.status if command.status >= 0 else 128 - command.status
        self.send(b"S", command.number, struct.pack(">i", status))


def execute(argv):
    """Becomes the command; like a shell, 127 says that it does not exist."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.closerange(3, 256)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"{os.fsdecode(argv[0])}: {os.strerror(error.errno)}\n".encode())
    os._exit(127)


def bring_up_processors():
    """The start runs on one processor (see dom0-init); commands get them all."""
    number = 1
    while os.path.exists(f"/sys/devices/system/cpu/cpu{number}/online"):
        with open(f"/sys/devices/system/cpu/cpu{number}/online", "w") as file:
            file.write("1")
        number += 1


def main():
    bring_up_processors()
    path = PORT if os.path.exists(PORT) else FALLBACK
    Agent(os.open(path, os.O_RDWR | os.O_CLOEXEC)).run()


if __name__ == "__main__":
    main()
