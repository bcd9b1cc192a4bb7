"""Changes of a run, for ``update`` and ``finish``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem_store import RunRecord


def to(**fields: Any) -> Callable[[RunRecord], RunRecord]:
    """A change to these values, whatever they are: nothing is checked."""
    return lambda run: run.model_copy(update=fields)


def unchanged(run: RunRecord) -> RunRecord:
    """The run as it is."""
    return run


def one_more_token(run: RunRecord) -> RunRecord:
    """The run with one token more."""
    return run.model_copy(update={"total_tokens": run.total_tokens + 1})
