# SPDX-License-Identifier: Apache-2.0
"""Guests of our own that test the hypervisor below them (tests/guest), on Xen and on hypervisor-core.

All kernels run in one boot of each hypervisor; each must succeed on both. How they are written, and what
a verdict is: tests/guest/README.md.
"""
import json
import shutil
from pathlib import Path

import pytest
from conftest import TREE

import lab
from lab import qemu

RUNNER = Path(__file__).resolve().parent / "dom0/guest_kernels.py"
LIMIT_S = 3600


def built() -> list[Path]:
    """The kernels as built last, whichever preset it was."""
    folders = sorted(TREE.glob("build/*/tests/guest/kernels"), key=lambda folder: folder.stat().st_mtime)
    return sorted(path for path in folders[-1].iterdir() if path.is_file()) if folders else []


KERNELS = built()


def run_all(hypervisor: str, share: Path) -> dict[str, dict]:
    asked = [{"name": path.name, "kernel": f"/mnt/share/{path.name}", "vcpus": 2 if path.name.endswith("_smp") else 1}
             for path in KERNELS]
    with lab.boot(hypervisor, cpus=2, share=share) as dom0:
        said = dom0.must(["python3", "/mnt/share/guest_kernels.py", json.dumps(asked)], timeout=LIMIT_S)
    results = {}
    for line in said.splitlines():
        result = json.loads(line)
        results[result["name"]] = result
        print(f"{hypervisor}: {result['name']}: {result['verdict']} ({result['seconds']} s)")
    return results


@pytest.fixture(scope="module")
def results(tmp_path_factory, deb) -> dict[str, dict[str, dict]]:
    """By hypervisor and kernel: what the runner said."""
    if not KERNELS or qemu.core_image() is None:
        pytest.skip("nothing is built: ./dev build unit makes the kernels and zocalo-core")
    share = tmp_path_factory.mktemp("kernels")
    for path in (*KERNELS, RUNNER):
        shutil.copy(path, share)
    return {hypervisor: run_all(hypervisor, share) for hypervisor in ("xen", "core")}


@pytest.mark.parametrize("name", [path.name for path in KERNELS])
@pytest.mark.parametrize("below", ["xen", "core"])
def test_the_kernel_succeeds(results, below, name):
    result = results[below][name]
    assert result["verdict"] == "SUCCESS", result["text"]
