"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tandem_store.legacy.sources import Passed


@dataclass(frozen=True, slots=True)
class Difference:
    """One copy that the store does not account for. ``what`` names the field where there is one."""

    run_id: str
    what: str
    path: str


@dataclass(slots=True)
class VerifyReport:
    """Copies that were checked: the same, overtaken by a newer revision, or different."""

    checked: int = 0
    same: int = 0
    newer_in_store: int = 0
    differences: list[Difference] = field(default_factory=list)
    not_read: list[Passed] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0, or 4 when something differs, or else 3 when something was not read."""
        if self.differences:
            return 4
        return 3 if self.not_read else 0

    def to_json(self) -> dict[str, Any]:
        """The report as a JSON object."""
        return {
            "checked": self.checked,
            "same": self.same,
            "newer_in_store": self.newer_in_store,
            "differences": [
                {"run_id": one.run_id, "what": one.what, "path": one.path}
                for one in self.differences
            ],
            "not_read": [{"path": one.path, "reason": one.reason} for one in self.not_read],
        }
