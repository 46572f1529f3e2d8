# SPDX-License-Identifier: Apache-2.0
"""Shared by all lab tests: one booted machine per file, and the evidence when a test fails.

A test that asks for `dom0` gets a machine on real Xen, with our package when one was built
(`./dev deb`). The machine is shared by the tests of a file; each leaves it as it found it.
"""
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE))
import lab  # noqa: E402
from lab import cli, images  # noqa: E402

GUESTS = "/var/lib/zocalo-lab/guests"


@pytest.fixture(scope="session")
def deb() -> Path | None:
    newest = images.newest_deb()
    cli.build_images(newest)
    return newest


@pytest.fixture(scope="module")
def dom0(deb):
    machine = lab.boot("xen", deb=deb)
    yield machine
    machine.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """When a test fails, saves what its machine can still tell and names the folder."""
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("dom0")
    if report.failed and machine is not None:
        machine.save_evidence(item.name)
        report.sections.append(("lab", f"logs are in {machine.folder}\n{machine.tail()}"))
