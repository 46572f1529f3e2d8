# SPDX-License-Identifier: Apache-2.0
"""The lab: a Debian dom0 on {Xen, bare kernel} under QEMU, for tests and for developers.

Tests use `boot()`; people use `./dev lab …`, which is `python3 -m lab …`.
"""
from lab.errors import LabError, LabTimeout
from lab.machine import Machine, boot

__all__ = ["LabError", "LabTimeout", "Machine", "boot"]
