"""Decides which copy of a run wins and what happens to the others: a pure function over all copies.

It only sorts, so the order of reading, batches, processes and kills cannot change its result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tandem_store.importer.source.kinds import Source
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode
from tandem_store.ledger.outcomes import NO_PARTS, NO_REASON, RESTORABLE


@dataclass(frozen=True, slots=True)
class Held:
    """The one among the copies that the store holds already: its index, and who wrote it last."""

    at: int
    written_by_service: bool = False


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
                reason = decisions[at].reason._replace(partial=True)
                decisions[at] = CopyDecision(decisions[at].outcome, reason)
        return dataclasses.replace(self, decisions=decisions)

    def without_winner(self, reason: ReasonCode) -> Resolution:
        """Return the same, but with the winner quarantined for a reason, and no donors."""
        quarantined = CopyDecision(CopyOutcome.QUARANTINED, Reason(reason))
        decisions = [
            quarantined if at == self.winner else _as_loser(decision)
            for at, decision in enumerate(self.decisions)
        ]
        return Resolution(None, {}, decisions)


def _as_loser(decision: CopyDecision) -> CopyDecision:
    is_donor = decision.outcome is CopyOutcome.RESTORED_FROM
    return CopyDecision(CopyOutcome.SUPERSEDED) if is_donor else decision


def resolve(
    copies: Sequence[Entry], held: Held | None = None, *, strict: bool = False
) -> Resolution:
    """Choose the winner among all copies of one run, and decide about the others.

    Well-formed beats stub beats damaged; then leftovers and context runs yield to other sources;
    then the newest copy wins, then the one with the most content, then the most trusted source.
    ``strict`` lets only a well-formed copy win. ``held`` is the copy that the store holds.
    """
    return _Choice(copies, held, strict).resolution()


def resolve_against_absent(
    copies: Sequence[Entry], updated_at_ms: int, reason: ReasonCode
) -> Resolution:
    """Decide about the copies of a run of which the store has no content, for a reason.

    None of them wins. Those that are not newer than the run was (``updated_at_ms``, milliseconds
    since 1970, UTC) are superseded by it. What is newer is quarantined, so that nothing is lost.
    """
    return Resolution(None, {}, [_without_content(one, updated_at_ms, reason) for one in copies])


def _without_content(one: Entry, updated_at_ms: int, reason: ReasonCode) -> CopyDecision:
    if one.kind is None:
        return CopyDecision(CopyOutcome.SKIPPED, Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN))
    if one.kind is Kind.DAMAGED:
        return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.DAMAGED))
    is_old = one.updated_at_ms <= updated_at_ms
    outcome = CopyOutcome.SUPERSEDED if is_old else CopyOutcome.QUARANTINED
    return CopyDecision(outcome, Reason(reason))


@dataclass(frozen=True, slots=True)
class _Choice:
    """The copies of one run while they are compared, named by their index."""

    copies: Sequence[Entry]
    held: Held | None
    strict: bool

    def resolution(self) -> Resolution:
        ranked = sorted(
            (at for at, one in enumerate(self.copies) if one.kind is not None),
            key=self._precedence,
        )
        winner = next((at for at in ranked if self._may_win(at)), None)
        stored = next((at for at in ranked if self._is_held(at)), None)
        if stored is not None and winner is not None and not self._same_tenant(winner, stored):
            winner = stored  # an import never overwrites the run of another tenant
        donors = {} if winner is None else self._donors(ranked, winner)
        decisions = [self._decision(at, winner, donors) for at in range(len(self.copies))]
        return Resolution(winner, donors, decisions)

    def _is_held(self, at: int) -> bool:
        return self.held is not None and at == self.held.at

    def _is_of_service(self, at: int) -> bool:
        return self.held is not None and self.held.written_by_service and at == self.held.at

    def _precedence(self, at: int) -> tuple[Any, ...]:
        """Return the sort key, smallest for the best copy; the last three only break ties."""
        one = self.copies[at]
        return (
            Kind.WELL_FORMED if self._is_of_service(at) else one.kind,
            one.source in {Source.LEFTOVER, Source.CONTEXT},
            -one.updated_at_ms,
            not self._is_held(at),
            -one.outputs,
            Part.RUNTIME_CONTEXT not in one.parts,
            Part.SNAPSHOT not in one.parts,
            Part.GATE not in one.parts,
            Source(one.source).rank,
            one.digest,
            one.path,
            one.ordinal,
        )

    def _may_win(self, at: int) -> bool:
        if self._is_held(at):
            return True
        one = self.copies[at]
        # Of an interrupted write, only what is complete is taken.
        strict = self.strict or one.source == Source.LEFTOVER
        return one.kind is Kind.WELL_FORMED or not strict

    def _same_tenant(self, one: int, other: int) -> bool:
        return self.copies[one].tenant == self.copies[other].tenant

    def _donors(self, ranked: list[int], winner: int) -> dict[Part, int]:
        """Return the donor of each part that compaction took from a terminal winner.

        That is the best copy that has the part; parts that no copy has are left out.
        """
        best = self.copies[winner]
        if self._is_of_service(winner) or not best.is_terminal:
            return {}
        if best.kind is not Kind.WELL_FORMED:
            return {}
        donors = {}
        for part in RESTORABLE:
            if part in best.parts:
                continue
            if part is Part.OUTPUTS and Part.COMPLETED_NODES not in best.parts:
                continue  # it never had outputs
            donor = next((at for at in ranked if self._can_give(at, winner, part)), None)
            if donor is not None:
                donors[part] = donor
        return donors

    def _can_give(self, donor: int, winner: int, part: Part) -> bool:
        one, best = self.copies[donor], self.copies[winner]
        return (
            one.kind is Kind.WELL_FORMED
            and part in one.parts
            and one.automation == best.automation
            and self._same_tenant(donor, winner)
        )

    def _decision(self, at: int, winner: int | None, donors: dict[Part, int]) -> CopyDecision:
        one = self.copies[at]
        if at == winner:
            return _decision_on_winner(one, donors)
        if one.kind is None:
            return CopyDecision(CopyOutcome.SKIPPED, Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN))
        if given := _union(part for part, donor in donors.items() if donor == at):
            return CopyDecision(CopyOutcome.RESTORED_FROM, Reason(given=given))
        if one.kind is Kind.DAMAGED:
            return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.DAMAGED))
        if winner is None:
            return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.STUB))
        if not self._same_tenant(at, winner):
            return CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.TENANT_CONFLICT))
        return CopyDecision(CopyOutcome.SUPERSEDED)


def _decision_on_winner(winner: Entry, donors: dict[Part, int]) -> CopyDecision:
    if winner.kind is Kind.DAMAGED:
        return CopyDecision(CopyOutcome.RECOVERED, Reason(ReasonCode.DAMAGED))
    if winner.kind is Kind.STUB:
        return CopyDecision(CopyOutcome.IMPORTED, Reason(ReasonCode.STUB))
    return CopyDecision(CopyOutcome.IMPORTED, Reason(received=_union(donors)))


def _union(parts: Iterable[Part]) -> Part:
    union = NO_PARTS
    for part in parts:
        union |= part
    return union
