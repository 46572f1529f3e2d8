# SPDX-License-Identifier: Apache-2.0
"""The table of functions' names in the hypervisor's image."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))
import symbol_table  # noqa: E402

NM = """ffff828000100000 T entry
ffff828000100000 T image_start
ffff828000100020 t zocalo::hv::(anonymous namespace)::dump(zocalo::hv::Domain const&) [clone .isra.0]
ffff828000100040 W zocalo::hv::Result<int>::operator bool() const
ffff828000200000 R a_constant
"""


def test_functions_are_named_briefly_once_and_in_order():
    assert symbol_table.functions(NM) == [(0xffff828000100000, "entry"), (0xffff828000100020, "dump"),
                                          (0xffff828000100040, "Result<int>::operator bool")]


def test_names_cannot_break_the_assembly():
    assert symbol_table.short('operator"" _x\\n') == "operator _xn"
    assert len(symbol_table.short("x" * 1000)) == symbol_table.LONGEST
    text = symbol_table.assembly([(16, "f")])
    assert ".quad 0x10, .Lname0" in text and '.Lname0: .asciz "f"' in text
