"""What was measured: for each quantity one value a turn, kept in a file of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

_BEFORE = " (before)"


class Key(NamedTuple):
    """What a series of values is about."""

    #: What was done to what, such as ``import 10,000 shards``.
    case: str
    #: Who did it, such as ``one process``.
    subject: str
    #: What was measured, with its unit, such as ``seconds``.
    quantity: str


def before(subject: str) -> str:
    """Return the name of the same subject at the commit that this one is compared with."""
    return subject + _BEFORE


def is_before(subject: str) -> bool:
    """Return whether a subject belongs to the commit that this one is compared with."""
    return subject.endswith(_BEFORE)


@dataclass(slots=True)
class Results:
    """Every value of one run of the benchmarks, and what it was measured on.

    Values of one case and quantity that were measured in the same turn have the same place in
    their series, so that two subjects are compared within the same minute of the machine.
    """

    #: Machine, versions, commit, sizes: what ``setting.describe`` returns.
    setting: dict[str, Any]
    series: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, case: str, subject: str, quantities: Mapping[str, float]) -> None:
        """Add one value to each of these series."""
        for quantity, value in quantities.items():
            self.series.setdefault(Key(case, subject, quantity), []).append(value)

    def cases(self, beginning: str) -> list[str]:
        """Return the cases whose names begin so, in the order in which they were measured."""
        return _distinct(key.case for key in self.series if key.case.startswith(beginning))

    def subjects(self, case: str) -> list[str]:
        """Return who took part in a case, in the order of the first turn."""
        return _distinct(key.subject for key in self.series if key.case == case)

    def median(self, case: str, subject: str, quantity: str) -> float | None:
        """Return the median of a series; None if it was not measured."""
        return self._over(median, case, subject, quantity)

    def least(self, case: str, subject: str, quantity: str) -> float | None:
        """Return the smallest value of a series; None if it was not measured."""
        return self._over(min, case, subject, quantity)

    def greatest(self, case: str, subject: str, quantity: str) -> float | None:
        """Return the greatest value of a series; None if it was not measured."""
        return self._over(max, case, subject, quantity)

    def ratio(self, case: str, subject: str, other: str, quantity: str) -> float | None:
        """Return the median of the ratios, turn by turn, of two subjects of one case.

        None if one of them was not measured.
        """
        values = self.series.get(Key(case, subject, quantity), [])
        others = self.series.get(Key(case, other, quantity), [])
        # A series of the same case may be shorter when its subject takes part in some turns only.
        ratios = [one / two for one, two in zip(values, others, strict=False) if two]
        return median(ratios) if ratios else None

    def save(self, path: Path) -> None:
        """Write everything to a file, one series a line, so that two files can be compared."""
        lines = ",\n".join(
            "  " + json.dumps([*key, [float(f"{value:.5g}") for value in values]])
            for key, values in self.series.items()
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        setting = json.dumps(self.setting, indent=1)
        path.write_text(f'{{"setting": {setting},\n"series": [\n{lines}\n]}}\n')

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what ``save`` wrote."""
        stored = json.loads(path.read_text())
        return cls(stored["setting"], {Key(*key): values for *key, values in stored["series"]})

    def _over(self, function: Callable[[list[float]], float], *key: str) -> float | None:
        values = self.series.get(Key(*key))
        return function(values) if values else None


def _distinct(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
