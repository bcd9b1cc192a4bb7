"""Whether the halves of a stored run belong together.

A document carries a checksum of its own, its columns do not. So the document holds a digest of
them, and of which snapshot the run has; a snapshot is addressed by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final

import orjson

from tandem_store.jsontext import canonical
from tandem_store.month import Month
from tandem_store.stored_text import escaped

#: The columns of ``runs`` that follow from the record, in the order in which they are hashed. It
#: never changes; a column that is added needs a digest of its own.
COVERED: Final = (
    "run_id",
    "month",
    "automation_id",
    "org_id",
    "workspace_id",
    "deployment_id",
    "trigger_type",
    "status",
    "stop_kind",
    "detail",
    "created_at_ms",
    "updated_at_ms",
    "started_at_ms",
    "finished_at_ms",
    "completed_nodes",
    "pending_nodes",
    "blocked_nodes",
    "failed_node",
    "failure_reason",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
)
_COST: Final = COVERED.index("estimated_cost_usd")
_MONTH: Final = COVERED.index("month")
#: Hexadecimal digits that are kept: 64 bits, against damage and not against an attacker.
_DIGITS: Final = 16
_covered: Final = itemgetter(*COVERED)
#: How JSON begins to write U+0000 and U+0001, the characters that columns escape.
_CONTROL: Final = b"\\u000"


def columns_digest(columns: Mapping[str, Any], snapshot: bytes | None) -> str:
    """Return the digest of a run's columns as they are stored.

    ``snapshot`` is the digest of the run's snapshot, None if it has no snapshot.

    Raises ``TypeError`` if a column holds what no column of ours may hold.
    """
    values = [*_covered(columns), None if snapshot is None else snapshot.hex()]
    values[_COST] += 0.0  # SQLite drops the sign of a negative zero
    month = values[_MONTH]
    values[_MONTH] = month.key if type(month) is Month else month
    return sha256(_dumped(values)).hexdigest()[:_DIGITS]


def _dumped(values: list[Any]) -> bytes:
    """Return the values, in the form in which they are stored, as JSON.

    That form differs from the value for hardly any text, so texts are converted only if need be.
    """
    try:
        dumped = orjson.dumps(values)
    except TypeError:  # a lone surrogate, or damage, which is raised again below
        dumped = _CONTROL
    if _CONTROL not in dumped:
        return dumped
    return orjson.dumps([escaped(value) for value in values])


def snapshot_digest(document: bytes) -> bytes:
    """Return the digest that a snapshot is addressed by, made from its JSON."""
    return sha256(canonical(orjson.loads(document))).digest()
