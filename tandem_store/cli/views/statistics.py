"""Statistics of runs as JSON and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tandem_store.records.statistics_keys import StatisticsKey, StatisticsTime
from tandem_store.runs import RunStatistics

#: What is counted, in the order of JSON and CSV.
FIGURES: Final = (
    "runs",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
    "success_rate",
    "duration_p50_ms",
    "duration_p95_ms",
    "detached",
)


def _tenant(entry: RunStatistics) -> str | None:
    """Return organisation, workspace and perhaps deployment as one text."""
    ids = (entry.org_id, entry.workspace_id, entry.deployment_id)
    return " / ".join(one for one in ids if one is not None) or None


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


#: The columns of each key: one with its own name, so that whoever asks for a key finds it, and
#: those with the names that runs have for it.
_COLUMNS: Final[Mapping[StatisticsKey, Mapping[str, Callable[[RunStatistics], str | None]]]] = {
    StatisticsKey.DAY: {"day": lambda entry: _iso(entry.day)},
    StatisticsKey.WEEK: {"week": lambda entry: _iso(entry.week)},
    StatisticsKey.MONTH: {"month": lambda entry: entry.month.label if entry.month else None},
    StatisticsKey.AUTOMATION: {
        "automation": lambda entry: entry.automation_id,
        "automation_id": lambda entry: entry.automation_id,
    },
    StatisticsKey.TENANT: {
        "tenant": _tenant,
        "org_id": lambda entry: entry.org_id,
        "workspace_id": lambda entry: entry.workspace_id,
        "deployment_id": lambda entry: entry.deployment_id,
    },
    StatisticsKey.TRIGGER: {
        "trigger": lambda entry: entry.trigger_type,
        "trigger_type": lambda entry: entry.trigger_type,
    },
    StatisticsKey.STATUS: {"status": lambda entry: entry.status},
    StatisticsKey.PROFILE: {
        "profile": lambda entry: entry.execution_profile,
        "execution_profile": lambda entry: entry.execution_profile,
    },
}
_NO_RUNS: Final = RunStatistics()


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted, and how."""

    entries: Sequence[RunStatistics]
    keys: Sequence[StatisticsKey]
    time: StatisticsTime
    #: All of the runs together; without runs there is nothing to add up.
    total: RunStatistics = _NO_RUNS

    def to_json(self) -> dict[str, Any]:
        """Return everything as a JSON object."""
        return {
            "items": [{**self._keys(entry), **_figures(entry)} for entry in self.entries],
            "time": self.time.value,
            **_figures(self.total),
        }

    def to_csv(self) -> Iterator[Sequence[Any]]:
        """Yield the names of the columns, and a row for each entry."""
        yield (*(name for key in self.keys for name in _COLUMNS[key]), *FIGURES)
        for entry in self.entries:
            yield (*self._keys(entry).values(), *_figures(entry).values())

    def _keys(self, entry: RunStatistics) -> dict[str, str | None]:
        return {name: of(entry) for key in self.keys for name, of in _COLUMNS[key].items()}


def label(entry: RunStatistics, key: StatisticsKey) -> str | None:
    """Return what people see of a key of an entry; None if its runs have none."""
    return _COLUMNS[key][key.value](entry)


def _figures(entry: RunStatistics) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in FIGURES}
