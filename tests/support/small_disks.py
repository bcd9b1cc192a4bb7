"""Disks that are soon full."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """A disk of a size such as ``1m`` at ``place``; the test is skipped if we may not mount one."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    if os.name != "posix" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only who may mount can have a small disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@contextmanager
def filled(place: Path, *, left: int) -> Iterator[None]:
    """Leave only so many bytes of a disk free during the block."""
    filler = place / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(place).free - left))
    yield
    filler.unlink()
