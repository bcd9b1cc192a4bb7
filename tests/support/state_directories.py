"""Legacy state directories made to order: each file in the place and layout of the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from tests.support.legacy_runs import (
    CREATED_MS,
    HOUR_MS,
    MONTH_MS,
    Json,
    checkpoint,
    context_state,
    context_stub,
    corrupt_stub,
    damaged,
    definition,
    full_run,
    run,
    stripped,
)

__all__ = [
    "CREATED_MS",
    "HOUR_MS",
    "MONTH_MS",
    "RUN_STEM",
    "Json",
    "StateDir",
    "checkpoint",
    "context_state",
    "context_stub",
    "corrupt_stub",
    "damaged",
    "definition",
    "full_run",
    "month_of",
    "pretty",
    "run",
    "sanitised",
    "stripped",
]

RUN_STEM: Final = "automation_v2_runs"


def pretty(value: object) -> bytes:
    """JSON in the engine's own layout: two spaces, no final newline."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)


def month_of(run: Json) -> tuple[str, str]:
    """Year and month of the folder that the engine puts this run's shard into."""
    at_ms = max(run["created_at_ms"], run["updated_at_ms"])
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y}", f"{at:%m}"


class StateDir:
    """A state directory below ``root``; every method writes one file and returns its path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self._maps: dict[Path, Json] = {}

    def write(self, path: str | Path, content: bytes | object) -> Path:
        """Write ``content`` (JSON unless it is bytes) at ``path`` below the root."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else pretty(content))
        return target

    def hot(self, runs: Mapping[str, Any]) -> Path:
        """Add entries to the hot file."""
        return self._add(self.data / f"{RUN_STEM}.json", runs)

    def archive(self, runs: Mapping[str, Any]) -> Path:
        """Add entries to the monolithic archive."""
        return self._add(self.data / f"{RUN_STEM}_archive.json", runs)

    def root_hot(self, runs: Mapping[str, Any]) -> Path:
        """Add entries to the hot file of older releases, in the root itself."""
        return self._add(self.root / f"{RUN_STEM}.json", runs)

    def backup(self, runs: Mapping[str, Any], *, stamp: str = "1780000000000") -> Path:
        """Add entries to the hot file inside the backup folder with this time stamp."""
        folder = self.root / "backups" / f"local-cleanup-{stamp}" / "data"
        return self._add(folder / f"{RUN_STEM}.json", runs)

    def shard(
        self, run: Json, *, month: str | None = None, name: str | None = None, stem: str = RUN_STEM
    ) -> Path:
        """A history shard; ``month`` is ``YYYY/MM``, ``name`` the file name without ``.json``."""
        return self._one(Path("data/automation-runs", stem), run, month, name)

    def flat_shard(self, run: Json, *, month: str | None = None) -> Path:
        """A shard of the second layout: no stem folder, the id as it is."""
        return self._one(Path("data/automation-runs"), run, month, run["run_id"])

    def leftover(self, run: Json) -> Path:
        """A shard whose atomic write was interrupted before the rename."""
        name = f".{sanitised(run['run_id'])}.json.tmp-4711-1779235200000"
        folder = Path("data/automation-runs", RUN_STEM, *month_of(run))
        return self.write(folder / name, {"schema_version": 1, "run": run})

    def context(self, state: Json, *, old: bool = False) -> Path:
        """A context-run folder, in the place of today or (``old``) of former releases."""
        parent = Path("context_runs") if old else Path("data/context-runs/hot")
        return self.write(parent / state["run_id"] / "run_state.json", state)

    def definition(self, automation: Json) -> Path:
        """A current definition."""
        folder = Path("data/automations-v2")
        return self.write(folder / f"{sanitised(automation['automation_id'])}.json", automation)

    def _add(self, path: Path, runs: Mapping[str, Any]) -> Path:
        known = self._maps.setdefault(path, {})
        known.update(runs)
        return self.write(path, {"schema_version": 1, "runs": known})

    def _one(self, history: Path, run: Json, month: str | None, name: str | None) -> Path:
        folder = Path(month) if month is not None else Path(*month_of(run))
        file = f"{sanitised(run['run_id']) if name is None else name}.json"
        return self.write(history / folder / file, {"schema_version": 1, "run": run})


def sanitised(identifier: str) -> str:
    """The id as the engine spells it in file names."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", identifier)
