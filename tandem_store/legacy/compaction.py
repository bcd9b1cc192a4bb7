"""Removes from the runs of a hot file what the engine leaves out there; the shards have it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

from tandem_store.jsontext import WHITE_SPACE
from tandem_store.month import MILLISECONDS_PER_DAY
from tandem_store.records import AutomationSpec, RunRecord

#: The environment variable with the days that a run stays complete in the hot file.
RETENTION_DAYS: Final = "TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS"
_DEFAULT_DAYS: Final = 7
_DAYS: Final = re.compile(r"\+?[0-9]+")


def compact_for_hot_storage(
    runs: Mapping[str, RunRecord], automations: Mapping[str, AutomationSpec], cutoff_ms: int
) -> dict[str, RunRecord]:
    """Return the runs as the engine would write them to the hot file; changes no input.

    A terminal run loses its snapshot if the definition of its automation is as new or newer. If the
    run was last updated at ``cutoff_ms`` (milliseconds since 1970, UTC) or before, it also loses
    its outputs and its runtime context.
    """
    return {key: _compacted(run, automations, cutoff_ms) for key, run in runs.items()}


def hot_cutoff_ms(now_ms: int) -> int:
    """Return the time up to which terminal runs lose their outputs, 0 if none do.

    Both times are in milliseconds since 1970, UTC. They are as many days apart as the environment
    variable ``TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS`` says at the time of the call; 7 unless it
    is a non-negative integer, and 0 switches the removal off.
    """
    days = _retention_days(os.environ.get(RETENTION_DAYS, ""))
    return max(0, now_ms - days * MILLISECONDS_PER_DAY) if days else 0


def _retention_days(setting: str) -> int:
    trimmed = setting.strip(WHITE_SPACE)
    # Every 64-bit number has at most twenty digits, not counting leading zeros.
    digits = trimmed.removeprefix("+").lstrip("0")
    if not _DAYS.fullmatch(trimmed) or len(digits) > 20:
        return _DEFAULT_DAYS
    days = int(digits or "0")
    return days if days < 2**64 else _DEFAULT_DAYS


def _compacted(
    run: RunRecord, automations: Mapping[str, AutomationSpec], cutoff_ms: int
) -> RunRecord:
    if not run.is_terminal:
        return run
    changes: dict[str, Any] = {}
    if _is_defined(run, automations):
        changes["automation_snapshot"] = None
    if run.updated_at_ms <= cutoff_ms:
        changes["runtime_context"] = None
        changes["checkpoint"] = run.checkpoint.model_copy(update={"node_outputs": {}})
    return run.model_copy(update=changes)


def _is_defined(run: RunRecord, automations: Mapping[str, AutomationSpec]) -> bool:
    """Whether the run's snapshot is no newer than the definition of its automation."""
    snapshot, current = run.automation_snapshot, automations.get(run.automation_id)
    return (
        snapshot is not None
        and current is not None
        and current.updated_at_ms >= snapshot.updated_at_ms
    )
