# SPDX-License-Identifier: Apache-2.0
"""The checkers must find what they exist for, and nothing else."""
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TREE / "tools"))
import check_includes  # noqa: E402
import check_style  # noqa: E402
import run_tests  # noqa: E402


@pytest.fixture(scope="module")
def layers():
    return check_includes.load()


def test_the_cli_may_not_know_the_daemon(layers):
    found = check_includes.check_text(layers, "cli/main.cpp", '#include "toolstackd/domain/domain.hpp"\n')
    assert found == ['cli/main.cpp:1: cli may not include "toolstackd/domain/domain.hpp"']


def test_the_cli_may_not_know_xen(layers):
    assert check_includes.check_text(layers, "cli/main.cpp", "#include <xenctrl.h>\n")
    assert check_includes.check_text(layers, "cli/main.cpp", "#include <xen/xen.h>\n")


def test_blk_and_net_never_see_each_other(layers):
    assert layers.breach("backends/blk/ring.cpp", "backends/net/ring.hpp", None)
    assert layers.breach("backends/blk/ring.cpp", "backends/common/log.hpp", None) is None


def test_dependencies_of_the_daemon_go_one_way(layers):
    assert layers.breach("toolstackd/db/store.cpp", "toolstackd/domain/domain.hpp", None)
    assert layers.breach("toolstackd/domain/domain.cpp", "toolstackd/db/store.hpp", None) is None


def test_freestanding_code_may_not_include_hosted_headers(layers):
    assert layers.breach("common/base/a.hpp", None, "vector")
    assert layers.breach("common/base/a.hpp", None, "cstdint") is None


def test_paths_are_from_the_root(layers):
    assert layers.breach("backends/blk/ring.cpp", "ring.hpp", None)
    assert layers.breach("backends/blk/ring.cpp", "../common/log.hpp", None)


def test_a_folder_without_a_layer_is_a_breach(layers):
    assert layers.breach("newfolder/a.cpp", None, "vector")


def test_a_long_function_is_found_where_it_starts():
    body = "    x();\n" * 90
    text = f"namespace a {{\nclass B {{\n  int f() {{ return 1; }}\n}};\n\nint g(int x)\n{{\n{body}}}\n}}\n"
    found = check_style.function_lengths("a.cpp", text)
    assert found == ["a.cpp:6: a function of 93 lines, at most 80"]


def test_a_function_that_is_a_table_says_so():
    text = "// NOLINTNEXTLINE(readability-function-size)\nvoid f()\n{\n" + "    x();\n" * 90 + "}\n"
    assert check_style.function_lengths("a.cpp", text) == []


def test_braces_in_literals_and_comments_do_not_count():
    text = "void f()\n{\n    g(\"{\", '{', R\"x({{)x\"); // {\n    /* { */\n}\nvoid h() {}\n"
    assert check_style.functions(text) == [(1, 5), (6, 1)]


def test_digit_separators_are_not_character_literals():
    text = "void f()\n{\n    int a = 1'000'000;\n}\n"
    assert check_style.functions(text) == [(1, 4)]


def test_a_long_table_or_class_is_not_a_function():
    rows = "    {1, 2},\n" * 100
    assert check_style.function_lengths("a.cpp", f"const int kTable[] = {{\n{rows}}};\n") == []
    table = f"constexpr auto kTable = std::to_array<Key>({{\n{rows}}});\n"
    assert check_style.function_lengths("a.cpp", table) == []
    assert check_style.function_lengths("a.hpp", "struct A {\n" + "    int a();\n" * 100 + "};\n") == []


def test_long_files_and_missing_licences_are_found():
    assert check_style.file_length("a.cpp", "\n" * 401)
    assert not check_style.file_length("a.cpp", "\n" * 400)
    assert check_style.licence("a.cpp", "int a;\n")
    assert not check_style.licence("a.py", "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\n")


def test_folders_and_files_named_after_nothing_are_found():
    for bad in ("common/utils/a.cpp", "cli/string_util.hpp", "toolstackd/domain_manager.cpp", "tools/misc.py"):
        assert check_style.name(bad), bad
    for good in ("common/base/result.hpp", "toolstackd/domain/reconcile.cpp", "docs/utility.md"):
        assert not check_style.name(good), good


def test_each_folder_of_code_needs_a_readme():
    files = ["a/b/c.cpp", "a/README.md", "tests/unit/x/y.cpp", "tests/README.md", "tests/unit/README.md"]
    assert check_style.readmes(files) == ["a/b: no README.md"]


def test_results_are_counted_from_junit(tmp_path):
    junit = tmp_path / "r.xml"
    junit.write_text('<testsuite><testcase name="a" status="run"/><testcase name="b" status="fail">'
                     '<failure message="not\n  so"/></testcase><testcase name="c" status="notrun"><skipped/></testcase>'
                     "</testsuite>")
    total = run_tests.from_junit(junit)
    assert (total.passed, total.failed, total.skipped, total.names) == (1, 1, 1, ["b"])
    assert total.reasons == {"b": "not so"}


def test_a_stage_that_finds_no_tests_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(run_tests, "OUT", tmp_path)
    junit = tmp_path / "r.xml"
    junit.write_text("<testsuite/>")
    assert run_tests.Stage("x", "x").results(junit, True).failed == 1
    assert run_tests.Stage("x", "x").results(tmp_path / "none.xml", True).failed == 1


def junit(path, failing, passing):
    cases = [f'<testcase classname="f" name="{name}"><failure/></testcase>' for name in failing]
    cases += [f'<testcase classname="f" name="{name}"/>' for name in passing]
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")


def test_what_failed_in_the_lab_is_tried_once_more_and_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run_tests, "OUT", tmp_path)

    def command(_, *words):
        target = Path([word for word in words if word.startswith("--junitxml=")][0].split("=")[1])
        if "--last-failed" in words:
            junit(target, ["broken"], ["late"])
        else:
            junit(target, ["broken", "late"], ["fine"])
        return False
    monkeypatch.setattr(run_tests.Stage, "command", command)
    total = run_tests.lab(run_tests.Stage("lab", ""))
    assert (total.passed, total.failed, total.names) == (2, 1, ["f.broken"])
    assert "FLAKY f.late" in capsys.readouterr().out


def test_a_shared_guest_that_failed_is_one_reason_to_try_again(tmp_path, monkeypatch):
    """Sixteen tests of one guest fail together; as many files do only when something is really broken."""
    monkeypatch.setattr(run_tests, "OUT", tmp_path)
    runs = []

    def command(_, *words):
        runs.append(words)
        target = Path([word for word in words if word.startswith("--junitxml=")][0].split("=")[1])
        junit(target, [] if "--last-failed" in words else failing, ["fine"])
        return "--last-failed" in words
    monkeypatch.setattr(run_tests.Stage, "command", command)
    failing = [f"g.h.test_{number}" for number in range(16)]
    assert run_tests.lab(run_tests.Stage("lab", "")).failed == 0 and len(runs) == 2
    runs.clear()
    failing = [f"g{number}.h.test" for number in range(16)]
    assert run_tests.lab(run_tests.Stage("lab", "")).failed == 16 and len(runs) == 1
