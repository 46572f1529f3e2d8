# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the lab itself, as opposed to with the command it runs."""


class LabError(Exception):
    """The lab cannot do what was asked; the text says what, why and what to do next."""


class LabTimeout(LabError):
    """A limit was reached: the boot or the command did not end in time."""
