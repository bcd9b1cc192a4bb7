"""What was measured, on what, with which versions."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.lab import Lab
from benchmarks.peers import LOADERS, SERVERS

_LIBRARIES: Final = ("sqlalchemy", "pydantic", "orjson", "psycopg")


def describe(lab: Lab) -> dict[str, Any]:
    """Return what the page says at its top."""
    commits = [checkout.commit() for checkout in lab.checkouts]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": commits[0],
        "before": commits[1] if len(commits) > 1 else None,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 1),
        "versions": {
            "Python": platform.python_version(),
            "SQLite": sqlite3.sqlite_version,
            "PostgreSQL": lab.server.version(),
            **{name: version(name) for name in _LIBRARIES},
            **_peer_versions(lab.peers),
        },
        "sizes": lab.sizes.as_json(),
    }


def _processor() -> str:
    """Return the model of the processor, if the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _peer_versions(python: Path | None) -> dict[str, str]:
    """Return the version of each peer, which its own environment has to say."""
    if python is None:
        return {}
    packages = [peer.package for peer in (*LOADERS, *SERVERS) if peer.package]
    question = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    asked = [str(python), "-c", question, *packages]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    return dict(zip(packages, said.split(), strict=True))
