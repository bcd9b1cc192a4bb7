"""Which copy of a run wins, and what becomes of the others: a pure function over all of them.

It only sorts, so reading order, batches, processes and kills cannot change its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tandem_store.importer.choice.facts import RESTORABLE, Facts, Kind, Part
from tandem_store.importer.source.kinds import Source


class Outcome(StrEnum):
    """What became of one copy; every copy has exactly one."""

    IMPORTED = "imported"
    RECOVERED = "recovered"
    RESTORED_FROM = "restored_from"
    SUPERSEDED = "superseded"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One copy that takes part.

    ``stored`` marks the run that the store held before; ``touched`` that a service wrote it.
    ``ordinal`` is the copy's place within its file.
    """

    facts: Facts
    source: Source
    path: str
    ordinal: int
    stored: bool = False
    touched: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """The outcome of one copy, and a code for reports, empty where there is nothing to say."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict over all copies of one run, by their positions in the sequence judged.

    ``winner`` is ``None`` when no copy is fit to be stored. ``donors`` gives for each part that the
    winner lost the copy it comes back from.
    """

    winner: int | None
    donors: dict[Part, int]
    fates: list[Fate]


def judge(candidates: Sequence[Candidate], *, strict: bool = False) -> Judgement:
    """Choose the winner among all copies of one run.

    Well-formed beats stub beats damaged; then leftovers and context runs yield; then the newest,
    the fullest, the most trusted. ``strict`` stores only well-formed winners.
    """
    order = sorted(
        (at for at, one in enumerate(candidates) if not one.facts.ignored),
        key=lambda at: _precedence(candidates[at]),
    )
    winner = next((at for at in order if _fit(candidates[at], strict=strict)), None)
    stored = next((at for at in order if candidates[at].stored), None)
    if stored is not None and winner is not None and _foreign(candidates, winner, stored):
        winner = stored  # a run of another tenant is never overwritten by an import
    donors = {} if winner is None else _donors(candidates, order, winner)
    fates = [_fate(candidates, at, winner, donors) for at in range(len(candidates))]
    return Judgement(winner, donors, fates)


def _precedence(candidate: Candidate) -> tuple[Any, ...]:
    facts = candidate.facts
    kind = Kind.WELL_FORMED if candidate.touched else facts.kind
    return (
        kind,
        candidate.source in {Source.LEFTOVER, Source.CONTEXT},
        -facts.updated_at_ms,
        not candidate.stored,
        -facts.outputs,
        Part.RUNTIME_CONTEXT not in facts.parts,
        Part.SNAPSHOT not in facts.parts,
        Part.GATE not in facts.parts,
        candidate.source.rank,
        facts.digest,
        candidate.path,
        candidate.ordinal,
    )


def _fit(candidate: Candidate, *, strict: bool) -> bool:
    if candidate.stored:
        return True
    if candidate.source is Source.LEFTOVER:
        strict = True  # of what was never renamed into place, only whole runs are taken
    return candidate.facts.kind is Kind.WELL_FORMED or not strict


def _foreign(candidates: Sequence[Candidate], one: int, other: int) -> bool:
    return candidates[one].facts.tenant != candidates[other].facts.tenant


def _donors(candidates: Sequence[Candidate], order: list[int], winner: int) -> dict[Part, int]:
    """For each part that compaction took from a terminal winner, the best copy that has it."""
    best = candidates[winner]
    if best.touched or not best.facts.terminal or best.facts.kind is not Kind.WELL_FORMED:
        return {}
    donors = {}
    for part in RESTORABLE:
        if part in best.facts.parts:
            continue
        if part is Part.OUTPUTS and Part.COMPLETED_NODES not in best.facts.parts:
            continue
        donor = next((at for at in order if _can_give(candidates[at], best, part)), None)
        if donor is not None:
            donors[part] = donor
    return donors


def _can_give(donor: Candidate, winner: Candidate, part: Part) -> bool:
    return (
        donor.facts.kind is Kind.WELL_FORMED
        and part in donor.facts.parts
        and donor.facts.automation == winner.facts.automation
        and donor.facts.tenant == winner.facts.tenant
    )


def _fate(
    candidates: Sequence[Candidate],
    at: int,
    winner: int | None,
    donors: dict[Part, int],
) -> Fate:
    one = candidates[at]
    if at == winner:
        return _fate_of_winner(one, donors)
    if one.facts.ignored:
        return Fate(Outcome.SKIPPED, "non_terminal_context_run")
    if at in donors.values():
        return Fate(Outcome.RESTORED_FROM, _names(part for part in donors if donors[part] == at))
    if one.facts.kind is Kind.DAMAGED:
        return Fate(Outcome.QUARANTINED, "damaged")
    if winner is None:
        return Fate(Outcome.QUARANTINED, "stub")
    if _foreign(candidates, at, winner):
        return Fate(Outcome.QUARANTINED, "tenant_conflict")
    return Fate(Outcome.SUPERSEDED)


def _fate_of_winner(winner: Candidate, donors: dict[Part, int]) -> Fate:
    if winner.facts.kind is Kind.DAMAGED:
        return Fate(Outcome.RECOVERED, "damaged")
    if winner.facts.kind is Kind.STUB:
        return Fate(Outcome.IMPORTED, "stub")
    return Fate(Outcome.IMPORTED, f"restored {_names(donors)}" if donors else "")


def _names(parts: Any) -> str:
    return " ".join(RESTORABLE[part] for part in parts)
