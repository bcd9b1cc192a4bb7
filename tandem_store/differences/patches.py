"""The difference between two runs for programs: a JSON Patch (RFC 6902)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tandem_store.records import RunRecord


def json_patch(one: RunRecord, other: RunRecord) -> list[dict[str, Any]]:
    """Return the JSON Patch that turns ``one.to_legacy()`` into ``other.to_legacy()``.

    It adds, removes and replaces, and is empty if the records are the same. Integers, floats and
    booleans are kept apart.

    >>> with filled.read() as tx:
    ...     run = tx.runs.get("run-2")
    >>> json_patch(run, run.changed(detail="seen"))
    [{'op': 'add', 'path': '/detail', 'value': 'seen'}]
    """
    # Imported here, because hardly any program that reads runs compares them.
    from jsonpatch import JsonPatch

    # Not optimised: else a value that one field lost and another has would count as moved.
    patch = JsonPatch.from_diff(one.to_legacy(), other.to_legacy(), optimization=False)
    return list(patch)
