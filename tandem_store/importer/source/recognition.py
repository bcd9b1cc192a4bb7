"""Recognises a file of many runs by its name or by its beginning."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tandem_store.importer.source.kinds import is_leftover_of_runs
from tandem_store.importer.source.salvage.entries import BOM
from tandem_store.importer.source.salvage.tokens import (
    MEMBER,
    after_comma,
    key_at,
    skip_space,
    value_end,
)

_NAME: Final = "automation_v2_runs"
#: Bytes at the beginning of a file that are looked at.
_HEAD: Final = 1024 * 1024


def is_file_of_runs(path: Path) -> bool:
    """Whether a file is a hot file or an archive, of either version, damaged or not.

    A file with one of the engine's names always is, because its beginning may be damaged. Any
    other has to begin like one.

    Raises:
        OSError: the file cannot be read.
    """
    if path.name.startswith(_NAME) or is_leftover_of_runs(path.name):
        return True
    with path.open("rb") as file:
        return begins_like_runs(file.read(_HEAD))


def begins_like_runs(head: bytes) -> bool:
    """Whether a file that begins with these bytes has a map of runs, or is such a map."""
    at = skip_space(head, len(BOM) if head.startswith(BOM) else 0)
    if head[at : at + 1] != b"{":
        return False
    at = skip_space(head, at + 1)
    while name := MEMBER.match(head, at):
        value = name.end()
        end = value_end(head, value)
        if head[value : value + 1] == b"{" and (
            key_at(head, at) == "runs" or _names_itself(head, name[1], value, end)
        ):
            return True
        if end is None:
            return False
        at = skip_space(head, after_comma(head, end))
    return False


def _names_itself(head: bytes, key: bytes, start: int, end: int | None) -> bool:
    """Whether an object's run id is its own key, as in every entry of version 0."""
    run_id = re.compile(rb'"run_id"[ \t\r\n]*+:[ \t\r\n]*+' + re.escape(key))
    return run_id.search(head, start, len(head) if end is None else end) is not None
