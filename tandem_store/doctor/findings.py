"""The findings of an examination, and the report of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, Final

#: How many runs a sentence names; the others are counted.
NAMED: Final = 20
#: How many runs a finding names to programs.
LISTED: Final = 1_000


class Severity(StrEnum):
    """How much a finding matters."""

    #: Something stored is damaged, missing or cannot be used: something must be done.
    ERROR = "error"
    #: It may come to that, or something waits for a decision.
    WARNING = "warning"
    #: Worth knowing.
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found: a sentence, and the command that repairs it, if there is one.

    ``runs`` are the ids that it is about, at most 1,000 of them; ``count`` is how many there are.
    """

    code: str
    severity: Severity
    what: str
    command: str | None = None
    month: str | None = None
    runs: tuple[str, ...] = ()
    count: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the finding as a JSON object."""
        more: dict[str, Any] = {"month": self.month, "runs": list(self.runs), "count": self.count}
        return {
            "code": self.code,
            "severity": self.severity.value,
            "what": self.what,
            "command": self.command,
            **{name: value for name, value in more.items() if value not in (None, [])},
        }


@dataclass(slots=True)
class Report:
    """The findings, the worst first, and what they are about.

    ``sizes`` are bytes, pages and rows by name; ``checked`` is how many things were read of each
    kind. ``not_checked`` names the checks that could not be made: a table that they need is not
    there, or is of another revision.
    """

    database: str
    deep: bool
    revision: str | None = None
    findings: list[Finding] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    checked: dict[str, int] = field(default_factory=dict)
    not_checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing must be done."""
        return not self.of(Severity.ERROR)

    def of(self, severity: Severity) -> list[Finding]:
        """Return the findings of one severity."""
        return [finding for finding in self.findings if finding.severity is severity]

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "ok": self.ok,
            "findings": [finding.to_json() for finding in self.findings],
            "database": self.database,
            "revision": self.revision,
            "deep": self.deep,
            "sizes": self.sizes,
            "checked": self.checked,
            "not_checked": self.not_checked,
        }


def named(ids: Sequence[str], count: int | None = None) -> str:
    """Return ids for a sentence: the first 20, and how many more there are."""
    left = (len(ids) if count is None else count) - min(len(ids), NAMED)
    text = ", ".join(islice(ids, NAMED))
    return f"{text} and {left:,} more" if left > 0 else text


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun: ``1 run``, ``2 runs``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(ids: Iterable[str]) -> tuple[str, ...]:
    """Return the ids that a finding holds: the first 1,000."""
    return tuple(islice(ids, LISTED))
