# SPDX-License-Identifier: Apache-2.0
"""The platform's main job, with our package: every step of the demonstration proves itself."""
from lab.demo import Demo


HYPERVISORS = ("xen", "core")


def test_the_demo_runs_to_its_end(dom0, deb):
    assert deb is not None, "no package was built: ./dev deb"
    demo = Demo(dom0, "pv")
    demo.run()
    assert len(demo.rows) == 8
