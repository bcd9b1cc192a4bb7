"""What an import must make of a trap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.support.state_directories import Json, StateDir


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The end of every copy of a trap, and what is stored afterwards."""

    #: Copies by source and outcome. Several outcomes, joined by ``|``, are equally right.
    copies: Counter[tuple[str, str]]
    #: Stored runs by id, whole.
    runs: dict[str, Json] = field(default_factory=dict)
    #: Some fields of stored runs by id, where the rest is the importer's choice.
    fields: dict[str, Json] = field(default_factory=dict)
    #: End of the path, key in its file, and reason (``None``: any) of every quarantined item.
    quarantined: tuple[tuple[str, str | None, str | None], ...] = ()
    #: Ids of runs whose restored outputs do not cover their completed nodes.
    partial: tuple[str, ...] = ()

    @property
    def run_ids(self) -> set[str]:
        """Every id that is in the store afterwards."""
        return self.runs.keys() | self.fields.keys()

    def __add__(self, other: Expected) -> Expected:
        return Expected(
            copies=self.copies + other.copies,
            runs=self.runs | other.runs,
            fields=self.fields | other.fields,
            quarantined=self.quarantined + other.quarantined,
            partial=self.partial + other.partial,
        )


Trap = Callable[[StateDir], Expected]


def expect(
    *copies: tuple[str, str],
    runs: Iterable[Json] = (),
    fields: Mapping[str, Json] | None = None,
    quarantined: Iterable[tuple[str, str | None, str | None]] = (),
    partial: Iterable[str] = (),
) -> Expected:
    """An expectation from one (source, outcome) per copy."""
    return Expected(
        copies=Counter(copies),
        runs={run["run_id"]: run for run in runs},
        fields=dict(fields or {}),
        quarantined=tuple(quarantined),
        partial=tuple(partial),
    )
