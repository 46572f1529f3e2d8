#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include against tools/layers.toml; prints one line per breach."""
import re
import subprocess
import sys
import tomllib
from pathlib import Path

TREE = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
SOURCES = (".cpp", ".hpp", ".cc", ".h", ".c")


class Layers:
    """The table, and the judgement on one include."""

    def __init__(self, table: dict):
        self._layers = table["layer"]
        self._free = set(table["freestanding"]["headers"])
        self._free_prefixes = tuple(table["freestanding"]["prefixes"])

    def layer_of(self, path: str) -> str | None:
        fits = [name for name in self._layers if path.startswith(name + "/")]
        return max(fits, key=len) if fits else None

    def breach(self, path: str, ours: str | None, system: str | None) -> str | None:
        """What is wrong with `path` including ours ("…") or system (<…>), or None."""
        name = self.layer_of(path)
        if name is None:
            return "no layer in tools/layers.toml holds this folder"
        layer = self._layers[name]
        if ours is not None:
            if "/" not in ours or ours.startswith("."):
                return f'"{ours}" is not a path from the root of the tree'
            inside = any(ours.startswith(folder + "/") for folder in [name, *layer["may"]])
            return None if inside else f'{name} may not include "{ours}"'
        if layer.get("system") == "freestanding":
            if system not in self._free and not system.startswith(self._free_prefixes):
                return f"{name} is freestanding and <{system}> is not"
        for never in layer.get("never", []):
            if system == never or system.startswith(never + "/"):
                return f"<{system}> does not belong in {name}"
        return None


def check_text(layers: Layers, path: str, text: str) -> list[str]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            what = layers.breach(path, match.group(1), match.group(2))
            if what:
                found.append(f"{path}:{number}: {what}")
    return found


def load(path: Path = TREE / "tools/layers.toml") -> Layers:
    with path.open("rb") as handle:
        return Layers(tomllib.load(handle))


def tracked(*suffixes: str) -> list[str]:
    """Files that git knows or would add, so that build output is never looked at."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TREE, text=True,
                           capture_output=True, check=True).stdout.splitlines()
    return [name for name in names if name.endswith(suffixes) and (TREE / name).is_file()]


def main() -> int:
    layers = load()
    found: list[str] = []
    for name in tracked(*SOURCES):
        found += check_text(layers, name, (TREE / name).read_text(errors="replace"))
    print("\n".join(found) or "includes: fine")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
