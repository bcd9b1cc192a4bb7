"""Importing state directories, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tandem_store.importer import ImportOptions, import_state
from tests.support.legacy_runs import Json


def imported(url: str, state: Path, **options: Any) -> Json:
    """Import ``state`` and return the report as the command line prints it."""
    return import_state(url, state, ImportOptions(**options)).to_json()


def shards_of(state: Path) -> Iterator[Json]:
    """Every run that a history shard below ``state`` holds."""
    for path in sorted((state / "data" / "automation-runs").rglob("*.json")):
        yield orjson.loads(path.read_bytes())["run"]
