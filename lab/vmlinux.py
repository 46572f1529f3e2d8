# SPDX-License-Identifier: Apache-2.0
"""Takes the ELF kernel out of a bzImage, so that nothing has to unpack it under emulation.

Source: Linux Documentation/x86/boot.rst (setup_sects, payload_offset, payload_length).
"""
import lzma
import struct
import zlib

from lab.errors import LabError


def extract(image: bytes) -> bytes:
    """The payload of a bzImage, decompressed; LabError when it is not one of a known kind."""
    if image[0x202:0x206] != b"HdrS":
        raise LabError("the kernel is not a bzImage (no HdrS)")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start:start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        data = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        data = zlib.decompressobj(31).decompress(payload)
    else:
        raise LabError(f"the kernel is compressed in an unknown way ({payload[:6].hex()})")
    if not data.startswith(b"\x7fELF"):
        raise LabError("the kernel's payload is not ELF")
    return data
