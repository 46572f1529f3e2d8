# SPDX-License-Identifier: Apache-2.0
"""Where the lab keeps things: the cache of images and the folder of each run."""
import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

from lab.errors import LabError

SOURCE = Path(__file__).resolve().parent
TREE = SOURCE.parent
KEPT_RUNS = 20


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = Path(base) / "zocalo"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make the cache folder {path}: {error.strerror}; "
                       "set XDG_CACHE_HOME to a folder of yours with 6 GB of room") from None
    return path


@contextmanager
def locked(name: str):
    """Only one process builds an artefact; the others wait and then find it made."""
    with open(cache() / f".{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def new_run() -> Path:
    """A fresh folder for logs; the oldest ones go so that failures never fill the disk."""
    runs = cache() / "runs"
    runs.mkdir(exist_ok=True)
    for old in sorted(p for p in runs.iterdir() if p.is_dir())[:-KEPT_RUNS]:
        shutil.rmtree(old, ignore_errors=True)
    path = runs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6:06}"
    path.mkdir()
    return path
