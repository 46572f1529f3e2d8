# SPDX-License-Identifier: Apache-2.0
"""tools/check_clang.py: what it takes from a build's list of commands, and that it hears clang's objections."""
import json
import shutil
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TREE / "tools"))
import check_clang  # noqa: E402


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setattr(check_clang, "TREE", tmp_path)
    folder = tmp_path / "build"
    folder.mkdir()
    entries = []
    for name, text in (("good.cpp", "int one() { return 1; }\n"), ("bad.cpp", "int two() { return nothing; }\n")):
        (tmp_path / name).write_text(text)
        for made in ("a.o", "b.o"):  # hosted and freestanding
            entries.append({"directory": str(folder), "file": str(tmp_path / name),
                            "command": f"ccache clang++ -Werror -o {made} -c {tmp_path / name}"})
    entries.append({"directory": str(folder), "file": str(folder / "made.cpp"), "command": "clang++ -o m.o -c made.cpp"})
    (folder / "compile_commands.json").write_text(json.dumps(entries))
    return folder


def test_each_file_of_the_tree_is_taken_once_and_makes_nothing(build):
    found = check_clang.commands(build)
    assert sorted(Path(file).name for file in found) == ["bad.cpp", "good.cpp"]
    for words in found.values():
        assert words[0] == "clang++" and "-o" not in words and words[-1] == "-fsyntax-only"


@pytest.mark.skipif(shutil.which("clang++") is None, reason="no clang")
def test_a_file_that_clang_refuses_is_named_with_its_reason(build, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["check_clang.py", str(build)])
    assert check_clang.main() == 1
    out = capsys.readouterr().out
    assert "bad.cpp:\n" in out and "nothing" in out and "good.cpp" not in out and "2 files parsed, 1 refused" in out
    assert sorted(path.name for path in build.iterdir()) == ["compile_commands.json"]
