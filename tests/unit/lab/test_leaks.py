# SPDX-License-Identifier: Apache-2.0
"""The comparison behind the lab's leak check: what it must not miss and what it must let pass."""
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TREE), str(TREE / "tests/lab"), str(TREE / "tests/lab/dom0")]
from state import named  # noqa: E402
from leaks import differences  # noqa: E402


def world(**parts):
    return {"nodes": ["/tool"], "processes": [], "free": 1000, **parts}


def test_the_same_world_has_no_differences():
    assert differences(world(), world()) == []


def test_what_is_left_and_what_is_lost_is_named_with_its_part():
    found = differences(world(processes=["zl list"]), world(nodes=["/tool", "/vm/1"]))
    assert found == ["nodes: left behind: /vm/1", "processes: lost: zl list"]


def test_a_second_one_of_the_same_kind_is_a_difference():
    assert differences(world(processes=["a"]), world(processes=["a", "a"])) == ["processes: left behind: a"]


def test_directories_that_wait_for_the_next_device_pass_but_not_what_is_in_them():
    nodes = ["/tool", "/local/domain/0/zocalo/backend/zblk", "/local/domain/web/device/vbd"]
    assert differences(world(), world(nodes=nodes)) == []
    left = "/local/domain/0/zocalo/backend/zblk/7"
    assert differences(world(), world(nodes=nodes + [left])) == [f"nodes: left behind: {left}"]


def test_memory_may_differ_a_little_and_no_more():
    assert differences(world(), world(free=998)) == []
    assert differences(world(), world(free=872)) == ["free: 1000 before, 872 after"]


def test_a_domids_place_is_taken_by_its_name_and_only_there():
    names = {"7": "web"}
    lines = ["/local/domain/7/name", "/local/domain/0/zocalo/backend/zblk/7/51712", "/libxl/7", "/local/domain/8/memory",
             "/local/domain/web/device/vbd/7", "link vif7.0 in xenbr0"]
    assert named(lines, names) == sorted([
        "/local/domain/web/name", "/local/domain/0/zocalo/backend/zblk/web/51712", "/libxl/web", "/local/domain/8/memory",
        "/local/domain/web/device/vbd/7", "link vifweb.0 in xenbr0"])
