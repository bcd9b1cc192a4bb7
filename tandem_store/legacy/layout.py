"""The paths at which the engine stores history shards."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tandem_store import clock
from tandem_store.jsontext import WHITE_SPACE
from tandem_store.month import civil_month
from tandem_store.records import RunRecord

#: The limits of the engine's calendar, -262143-01-01 to 262142-12-31, in milliseconds since 1970.
_FIRST_MS: Final = -8_334_601_228_800_000
_LAST_MS: Final = 8_210_266_876_799_999

_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")


def history_root(hot_path: str | Path) -> Path:
    """Return the folder of the history shards that belong to a hot file."""
    path = Path(hot_path)
    # The root folder has no parent; then the engine uses the working folder.
    parent = path.parent if path.name else Path()
    return parent / "automation-runs" / _stem(path.name)


def history_shard_path(hot_path: str | Path, run: RunRecord, *, now_ms: int | None = None) -> Path:
    """Return the path of the run's history shard.

    A run with a time outside the engine's calendar goes to the month of ``now_ms`` (milliseconds
    since 1970, UTC; by default the present). Different ids may share a file; see
    ``shard_file_name``.
    """
    year, month = civil_month(_filed_at(run.month_ms, now_ms))
    return history_root(hot_path) / f"{year:04d}" / f"{month:02d}" / shard_file_name(run.run_id)


def shard_file_name(run_id: str) -> str:
    """Return the file name of a run's shard: all but ASCII letters, digits, ``-``, ``_`` is ``_``.

    Different ids may have the same name: ``a/b``, ``a.b`` and ``a b`` share a file.
    """
    return f"{_NOT_IN_A_NAME.sub('_', run_id)}.json"


def _stem(name: str) -> str:
    """Return the file name up to its last dot, ``runs`` if nothing is left.

    ``Path.stem`` has other results for ``..`` and ``runs.``.
    """
    stem = "" if name == ".." else name.rpartition(".")[0] or name
    return stem if stem.strip(WHITE_SPACE) and _is_unicode(stem) else "runs"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _filed_at(month_ms: int, now_ms: int | None) -> int:
    # The engine reads the unsigned time as a signed one: 2**64 - 1 is in December 1969.
    signed = month_ms - 2**64 if month_ms >= 2**63 else month_ms
    if _FIRST_MS <= signed <= _LAST_MS:
        return signed
    return clock.now_ms() if now_ms is None else now_ms
