# SPDX-License-Identifier: Apache-2.0
"""Shared by all lab tests: one booted machine per file, the leak check, and the evidence when a test fails.

A test that asks for `dom0` gets a machine on real Xen (or on the core: `--hypervisor core`, or a file's HYPERVISORS),
with our package when one was built (`./dev deb`). The machine is shared by the tests of a file; each leaves it as it found it. A test that asks for `zl` is held to
that: what differs after it fails it.
"""
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE))
import lab  # noqa: E402
from lab import cli, images, qemu  # noqa: E402
from leaks import LeakCheck  # noqa: E402
from toolstack import GUESTS, KINDS, WORK, Guest, Xl, Zl  # noqa: E402,F401


def pytest_addoption(parser):
    parser.addoption("--hypervisor", choices=("xen", "core"),
                     help="below all tests (default: those that a file names in HYPERVISORS, else xen)")
    parser.addoption("--cpus", type=int, default=2,
                     help="processors of a file's shared machine (default 2); one each where two files run at once")


def named_by(module) -> tuple[str, ...]:
    """What a file wants to run on."""
    return getattr(module, "HYPERVISORS", ("xen",))


def pytest_generate_tests(metafunc):
    """A file that names several hypervisors has its tests run on each, with a boot of its own."""
    named = named_by(metafunc.module)
    if metafunc.config.getoption("hypervisor") is None and len(named) > 1 and "hypervisor" in metafunc.fixturenames:
        metafunc.parametrize("hypervisor", named, indirect=True, scope="module")


@pytest.fixture(scope="module")
def hypervisor(request) -> str:
    """What is below the tests of a file; skips when that is ours and was not built."""
    chosen = getattr(request, "param", None) or request.config.getoption("hypervisor") or named_by(request.module)[0]
    if chosen == "core" and qemu.core_image() is None:
        pytest.skip("zocalo-core is not built: ./dev build release makes it")
    return chosen


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "long: takes long or much memory; `./dev test --only long`")


def pytest_collection_modifyitems(config, items):
    """Our hypervisor has no PVH domains yet: what is about them is skipped there."""
    for item in items:
        values = item.callspec.params if hasattr(item, "callspec") else {}
        below = values.get("hypervisor") or config.getoption("hypervisor") or named_by(item.module)[0]
        if below == "core" and ("pvh" in values.values() or getattr(item.module, "NEEDS_PVH", False)):
            item.add_marker(pytest.mark.skip(reason="hypervisor-core has no PVH domains yet"))


@pytest.fixture(scope="session")
def deb() -> Path | None:
    newest = images.newest_deb()
    cli.build_images(newest)
    return newest


@pytest.fixture(scope="module")
def dom0(hypervisor, deb, request):
    machine = lab.boot(hypervisor, cpus=request.config.getoption("cpus"), deb=deb)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def zl(dom0, deb) -> Zl:
    assert deb is not None, "no package was built: ./dev deb"
    dom0.must(f"mkdir -p {WORK} && ip link add xenbr0 type bridge forward_delay 0"
              " && ip address add 10.77.0.1/24 dev xenbr0 && ip link set xenbr0 up")
    return Zl(dom0)


@pytest.fixture(scope="module")
def xl(dom0) -> Xl:
    return Xl(dom0)


@pytest.fixture(scope="module")
def leak_check(zl) -> LeakCheck:
    return LeakCheck(zl.dom0)


@pytest.fixture(autouse=True)
def no_leaks(request):
    """After each test that used zl, dom0 is as it was before it."""
    if "zl" not in request.fixturenames:
        yield
        return
    check = request.getfixturevalue("leak_check")
    check.begin()
    yield
    if found := check.end():
        pytest.fail("the test left dom0 in another state:\n" + "\n".join(found), pytrace=False)


@pytest.fixture(scope="module", params=KINDS)
def guest(request, zl, leak_check) -> Guest:
    """A running minimal guest with its console attached, shared by the tests of a file.

    It has a disk and a card, so that its two backends, which stay as long as their domain, are there from the start.
    """
    whole = LeakCheck(zl.dom0)
    whole.begin()
    image = f"{WORK}/shared.img"
    zl.dom0.must(f"truncate -s 8M {image}")
    shared = Guest(zl, f"shared-{request.param}", request.param, vcpus=1, maxvcpus=2, maxmem=160,
                   disk=[f"format=raw,vdev=xvda,access=rw,target={image}"], vif=["bridge=xenbr0"])
    shared.create().attach()
    leak_check.forget()
    yield shared
    shared.remove()
    leak_check.forget()
    if found := whole.end():
        pytest.fail("the shared guest left behind:\n" + "\n".join(found), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """When a test fails, saves what its machine can still tell and names the folder."""
    outcome = yield
    report = outcome.get_result()
    machine = getattr(item, "funcargs", {}).get("dom0")
    if report.failed and machine is not None:
        machine.save_evidence(item.name)
        report.sections.append(("lab", f"logs are in {machine.folder}\n{machine.tail()}"))


def pytest_runtest_logreport(report):
    """A run takes half an hour: what failed is told when it fails, not only at the end."""
    if report.failed:
        print(f"\n{report.nodeid} ({report.when}):\n{report.longreprtext[-4000:]}", flush=True)
