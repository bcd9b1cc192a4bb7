"""Decides which copy of a run wins and what happens to the others: a pure function over all copies.

It only sorts, so the order of reading, batches, processes and kills cannot change its result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.source.kinds import Source
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.outcomes import NO_PARTS, NO_REASON, RESTORABLE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One copy that takes part in the choice.

    ``path`` is its file below the state root and ``ordinal`` the byte at which the copy begins.
    ``stored`` marks the run that was in the store before; ``written_by_service`` that a service has
    written it since. ``entry`` is the copy as the ledger has it, if it came from there.
    """

    facts: Facts
    source: Source
    path: str
    ordinal: int
    stored: bool = False
    written_by_service: bool = False
    entry: Entry | None = None

    @classmethod
    def of_entry(cls, entry: Entry) -> Candidate:
        """Return the candidate for a copy that is in the ledger."""
        facts = Facts.of_entry(entry)
        return cls(facts, Source(entry.source), entry.path, entry.start or 0, entry=entry)

    @classmethod
    def of_stored(
        cls, record: dict[str, Any], *, written_by_service: bool, source: Source = Source.HOT
    ) -> Candidate:
        """Return the candidate for the run that was stored before, as a copy from ``source``."""
        facts = Facts.of_record(record)
        return cls(facts, source, "", 0, stored=True, written_by_service=written_by_service)


@dataclass(frozen=True, slots=True)
class CopyDecision:
    """What happens to one copy, and why."""

    outcome: CopyOutcome
    reason: Reason = NO_REASON


@dataclass(frozen=True, slots=True)
class Resolution:
    """What happens to all copies of one run. Copies are named by their index in the sequence.

    ``winner`` is ``None`` if no copy may be stored. ``donors`` has, for each part that the winner
    lost, the copy from which it is restored. ``decisions`` has one item for each copy.
    """

    winner: int | None
    donors: dict[Part, int]
    decisions: list[CopyDecision]

    def with_partial_outputs(self) -> Resolution:
        """Return the same, noting that the restored outputs do not cover every completed node."""
        decisions = list(self.decisions)
        for at in (self.winner, self.donors[Part.OUTPUTS]):
            if at is not None:
                reason = dataclasses.replace(decisions[at].reason, partial=True)
                decisions[at] = CopyDecision(decisions[at].outcome, reason)
        return dataclasses.replace(self, decisions=decisions)


def resolve(candidates: Sequence[Candidate], *, strict: bool = False) -> Resolution:
    """Choose the winner among all copies of one run, and decide about the others.

    Well-formed beats stub beats damaged; then leftovers and context runs yield to other sources;
    then the newest copy wins, then the one with the most content, then the most trusted source.
    ``strict`` lets only a well-formed copy win.
    """
    order = sorted(
        (at for at, one in enumerate(candidates) if not one.facts.ignored),
        key=lambda at: _precedence(candidates[at]),
    )
    winner = next((at for at in order if _may_win(candidates[at], strict=strict)), None)
    stored = next((at for at in order if candidates[at].stored), None)
    if (
        stored is not None
        and winner is not None
        and not _same_tenant(candidates[winner], candidates[stored])
    ):
        winner = stored  # an import never overwrites the run of another tenant
    donors = {} if winner is None else _donors(candidates, order, winner)
    decisions = [_decision(candidates, at, winner, donors) for at in range(len(candidates))]
    return Resolution(winner, donors, decisions)


def _precedence(candidate: Candidate) -> tuple[Any, ...]:
    """Return the sort key, which is smallest for the best copy. The last three only break ties."""
    facts = candidate.facts
    return (
        Kind.WELL_FORMED if candidate.written_by_service else facts.kind,
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


def _may_win(candidate: Candidate, *, strict: bool) -> bool:
    if candidate.stored:
        return True
    if candidate.source is Source.LEFTOVER:
        strict = True  # an interrupted write: only what is complete is taken
    return candidate.facts.kind is Kind.WELL_FORMED or not strict


def _same_tenant(one: Candidate, other: Candidate) -> bool:
    return one.facts.tenant == other.facts.tenant


def _donors(candidates: Sequence[Candidate], order: list[int], winner: int) -> dict[Part, int]:
    """Return the donor of each part that compaction took from a terminal winner.

    That is the best copy that has the part; parts that no copy has are left out.
    """
    best = candidates[winner]
    if best.written_by_service or not best.facts.is_terminal:
        return {}
    if best.facts.kind is not Kind.WELL_FORMED:
        return {}
    donors = {}
    for part in RESTORABLE:
        if part in best.facts.parts:
            continue
        if part is Part.OUTPUTS and Part.COMPLETED_NODES not in best.facts.parts:
            continue  # it never had outputs
        donor = next((at for at in order if _can_give(candidates[at], best, part)), None)
        if donor is not None:
            donors[part] = donor
    return donors


def _can_give(donor: Candidate, winner: Candidate, part: Part) -> bool:
    return (
        donor.facts.kind is Kind.WELL_FORMED
        and part in donor.facts.parts
        and donor.facts.automation == winner.facts.automation
        and _same_tenant(donor, winner)
    )


def _decision(
    candidates: Sequence[Candidate], at: int, winner: int | None, donors: dict[Part, int]
) -> CopyDecision:
    one = candidates[at]
    if at == winner:
        return _decision_on_winner(one, donors)
    if one.facts.ignored:
        return CopyDecision(CopyOutcome.SKIPPED, Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN))
    if given := _union(part for part, donor in donors.items() if donor == at):
        return CopyDecision(CopyOutcome.RESTORED_FROM, Reason(given=given))
    if one.facts.kind is Kind.DAMAGED:
        return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.DAMAGED))
    if winner is None:
        return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.STUB))
    if not _same_tenant(one, candidates[winner]):
        return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.TENANT_CONFLICT))
    return CopyDecision(CopyOutcome.SUPERSEDED)


def _decision_on_winner(winner: Candidate, donors: dict[Part, int]) -> CopyDecision:
    if winner.facts.kind is Kind.DAMAGED:
        return CopyDecision(CopyOutcome.RECOVERED, Reason(ReasonCode.DAMAGED))
    if winner.facts.kind is Kind.STUB:
        return CopyDecision(CopyOutcome.IMPORTED, Reason(ReasonCode.STUB))
    return CopyDecision(CopyOutcome.IMPORTED, Reason(received=_union(donors)))


def _union(parts: Iterable[Part]) -> Part:
    union = NO_PARTS
    for part in parts:
        union |= part
    return union
