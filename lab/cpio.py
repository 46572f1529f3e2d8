# SPDX-License-Identifier: Apache-2.0
"""Writes initramfs archives ("newc" cpio, Linux Documentation/driver-api/early-userspace)."""
import stat


class Archive:
    """Collects files and yields the archive; Linux accepts several archives one after the other."""

    def __init__(self):
        self._parts: list[bytes] = []
        self._folders: set[str] = set()
        self._inode = 0

    def _entry(self, name: str, mode: int, data: bytes = b"", rdev: tuple[int, int] = (0, 0)):
        self._inode += 1
        raw = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields)
        self._parts.append(_padded(head + raw) + _padded(data))

    def folder(self, name: str):
        parts = name.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path and path not in self._folders:
                self._folders.add(path)
                self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, name: str, data: bytes, mode: int = 0o644):
        self._parent(name)
        self._entry(name.strip("/"), stat.S_IFREG | mode, data)

    def link(self, name: str, target: str):
        self._parent(name)
        self._entry(name.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, major: int, minor: int):
        self._parent(name)
        self._entry(name.strip("/"), stat.S_IFCHR | 0o600, rdev=(major, minor))

    def _parent(self, name: str):
        head, _, _ = name.strip("/").rpartition("/")
        if head:
            self.folder(head)

    def finish(self) -> bytes:
        self._entry("TRAILER!!!", 0)
        body = b"".join(self._parts)
        return body + b"\0" * (-len(body) % 512)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
