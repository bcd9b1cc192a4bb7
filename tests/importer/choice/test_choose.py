"""The choice between copies: a function of the set of them, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem_store.importer.choice.choose import CopyDecision, Held, Resolution, resolve
from tandem_store.importer.source.kinds import Source
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode

_PARTS = st.integers(0, 63).map(Part)
_SOURCES = [source for source in Source if source is not Source.DEFINITION]


@dataclass(frozen=True)
class Copies:
    """The copies of one run, and which of them the store holds."""

    entries: list[Entry]
    held: Held | None = None

    def resolve(self, *, strict: bool = False) -> Resolution:
        """The choice between them."""
        return resolve(self.entries, self.held, strict=strict)

    def is_held(self, at: int) -> bool:
        """Whether the store holds this one."""
        return self.held is not None and self.held.at == at

    def in_order(self, order: Sequence[int]) -> Copies:
        """The same copies, each as far ahead as ``order`` says."""
        held = self.held and Held(order.index(self.held.at), self.held.written_by_service)
        return Copies([self.entries[at] for at in order], held)


@st.composite
def _copies(draw: st.DrawFn, tenants: Sequence[bytes] = (b"t", b"u")) -> Copies:
    drawn = draw(st.lists(_entries(tenants, st.sampled_from(_SOURCES)), max_size=6))
    entries = [one._replace(path=f"file-{number}") for number, one in enumerate(drawn)]
    if draw(st.booleans()):
        entries.append(draw(_entries(tenants, st.just(Source.HOT))))
        return Copies(entries, Held(len(drawn), written_by_service=draw(st.booleans())))
    return Copies(entries)


def _entries(
    tenants: Sequence[bytes], sources: st.SearchStrategy[Source]
) -> st.SearchStrategy[Entry]:
    return st.fixed_dictionaries(
        {
            "source": sources.map(str),
            "path": st.just(""),
            "mtime_ns": st.just(0),
            "digest": st.binary(min_size=1, max_size=1),
            "kind": st.one_of(st.none(), st.sampled_from(Kind)),
            "tenant": st.sampled_from(tenants),
            "automation": st.sampled_from([b"a", b"b"]),
            "updated_at_ms": st.integers(0, 3),
            "outputs": st.integers(0, 2),
            "parts": _PARTS,
        }
    ).map(lambda drawn: Entry(**drawn))


@given(_copies(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_copies_does_not_matter(
    copies: Copies, random: st.DataObject, strict: bool
) -> None:
    """Shuffled, every copy has the same outcome."""
    order = list(range(len(copies.entries)))
    random.shuffle(order)  # type: ignore[attr-defined]

    decisions = copies.resolve(strict=strict).decisions
    shuffled = copies.in_order(order).resolve(strict=strict).decisions

    assert shuffled == [decisions[at] for at in order]


@given(_copies(), st.booleans())
def test_every_copy_has_one_outcome_and_at_most_one_wins(copies: Copies, strict: bool) -> None:
    """The winner alone is imported or recovered; without a winner nothing is superseded."""
    resolution = copies.resolve(strict=strict)

    won = [
        at
        for at, decision in enumerate(resolution.decisions)
        if decision.outcome in {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}
    ]
    assert len(resolution.decisions) == len(copies.entries)
    assert won == ([] if resolution.winner is None else [resolution.winner])


def _may_win(copies: Copies, at: int, *, strict: bool) -> bool:
    """The rule in other words than those of the code."""
    copy = copies.entries[at]
    if copy.kind is None:
        return False
    is_well_formed = copy.kind is Kind.WELL_FORMED
    return copies.is_held(at) or is_well_formed or (not strict and copy.source != Source.LEFTOVER)


@given(_copies(), st.booleans())
def test_a_copy_wins_whenever_one_may(copies: Copies, strict: bool) -> None:
    """Only stubs and damage in strict imports, and such leftovers, leave a run without a winner."""
    winner = copies.resolve(strict=strict).winner

    may = [at for at in range(len(copies.entries)) if _may_win(copies, at, strict=strict)]
    assert (winner is not None) == bool(may)
    assert winner is None or winner in may


@given(_copies())
def test_a_well_formed_copy_never_loses_to_a_stub_or_to_damage(copies: Copies) -> None:
    """Whatever the dates; only what the store holds may stand above it."""
    winner = copies.resolve().winner

    if any(one.kind is Kind.WELL_FORMED for one in copies.entries):
        assert winner is not None
        assert copies.entries[winner].kind is Kind.WELL_FORMED or copies.is_held(winner)


@given(_copies(tenants=[b"t"]))
def test_what_the_store_holds_yields_to_a_well_formed_copy(copies: Copies) -> None:
    """A stub or damage that was stored earlier, unless a service has written it since."""
    winner = copies.resolve().winner

    if any(one.kind is Kind.WELL_FORMED for one in copies.entries):
        assert winner is not None
        is_well_formed = copies.entries[winner].kind is Kind.WELL_FORMED
        held = copies.held
        assert is_well_formed or (held is not None and held == Held(winner, True))


@given(_copies(), st.booleans())
def test_what_the_store_holds_for_another_tenant_is_not_overwritten(
    copies: Copies, strict: bool
) -> None:
    """The newcomers never win, give nothing and are not superseded: they go to quarantine."""
    resolution = copies.resolve(strict=strict)
    held = None if copies.held is None else copies.entries[copies.held.at]

    if held is not None and held.kind is not None:
        assert resolution.winner is not None
        assert copies.entries[resolution.winner].tenant == held.tenant
        for one, decision in zip(copies.entries, resolution.decisions, strict=True):
            if one.tenant != held.tenant:
                skipped = one.kind is None
                expected = CopyOutcome.SKIPPED if skipped else CopyOutcome.QUARANTINED
                assert decision.outcome is expected


@given(_copies())
def test_only_a_well_formed_copy_of_the_same_automation_and_tenant_gives_parts(
    copies: Copies,
) -> None:
    """A part is taken where the winner lacks it, from a copy that has it."""
    resolution = copies.resolve()

    for part, donor in resolution.donors.items():
        assert resolution.winner is not None
        winner, giver = copies.entries[resolution.winner], copies.entries[donor]
        assert giver.kind is Kind.WELL_FORMED
        assert part in giver.parts
        assert part not in winner.parts
        assert (giver.tenant, giver.automation) == (winner.tenant, winner.automation)


def _copy(
    *, source: Source = Source.SHARD, path: str = "p", ordinal: int = 0, **facts: Any
) -> Entry:
    """A complete copy of a run that has ended; what matters to the test is named."""
    known: dict[str, Any] = {
        "digest": b"d",
        "run_id": "r",
        "kind": Kind.WELL_FORMED,
        "updated_at_ms": 5,
        "outputs": 2,
        "parts": _COMPLETE,
        "tenant": b"t",
        "automation": b"a",
    }
    return Entry(source.value, path, mtime_ns=0, start=ordinal, **known | facts)


_COMPLETE = (
    Part.OUTPUTS | Part.RUNTIME_CONTEXT | Part.SNAPSHOT | Part.TERMINAL | Part.COMPLETED_NODES
)

#: The better copy, then the worse one, which is better by the rule that comes next.
PRECEDENCE = {
    "a stub beats damage": (
        _copy(kind=Kind.STUB, source=Source.CONTEXT),
        _copy(kind=Kind.DAMAGED),
    ),
    "a complete copy beats a stub": (
        _copy(source=Source.CONTEXT),
        _copy(kind=Kind.STUB),
    ),
    "leftovers yield": (_copy(updated_at_ms=1), _copy(source=Source.LEFTOVER)),
    "context runs yield": (_copy(updated_at_ms=1), _copy(source=Source.CONTEXT)),
    "the newest": (_copy(updated_at_ms=6), _copy()),
    "the most outputs": (_copy(outputs=3, parts=Part.TERMINAL), _copy()),
    "a runtime context": (
        _copy(parts=Part.RUNTIME_CONTEXT),
        _copy(parts=Part.SNAPSHOT | Part.GATE),
    ),
    "a snapshot": (_copy(parts=Part.SNAPSHOT), _copy(parts=Part.GATE)),
    "a gate": (_copy(parts=Part.GATE, source=Source.BACKUP), _copy(parts=Part(0))),
    "the most trusted source": (_copy(source=Source.HOT, digest=b"z"), _copy()),
    "the smallest digest": (_copy(digest=b"c", path="z"), _copy()),
    "the first path": (_copy(path="a", ordinal=9), _copy()),
    "the first in its file": (_copy(), _copy(ordinal=1)),
}


@pytest.mark.parametrize("rule", PRECEDENCE)
def test_of_two_copies_the_better_one_wins(rule: str) -> None:
    """Each rule decides before those that follow it."""
    better, worse = PRECEDENCE[rule]

    assert resolve([worse, better]).winner == 1
    assert resolve([better, worse]).winner == 0


#: The better copy, then the worse one; the store holds one of them, as the last of its row says.
PRECEDENCE_OF_STORED = {
    "what a service wrote is never a stub": (
        _copy(kind=Kind.STUB, updated_at_ms=6),
        _copy(),
        Held(0, written_by_service=True),
    ),
    "what an import stored may be one": (
        _copy(),
        _copy(kind=Kind.STUB, updated_at_ms=6),
        Held(1),
    ),
    "the newest": (_copy(updated_at_ms=6), _copy(), Held(1)),
    "what is stored": (_copy(outputs=1), _copy(outputs=2), Held(0)),
}


@pytest.mark.parametrize("rule", PRECEDENCE_OF_STORED)
def test_of_the_stored_copy_and_another_the_better_one_wins(rule: str) -> None:
    """By what an import or a service has made of it."""
    better, worse, held = PRECEDENCE_OF_STORED[rule]
    copies = Copies([better, worse], held)

    assert copies.resolve().winner == 0
    assert copies.in_order([1, 0]).resolve().winner == 1


@pytest.mark.parametrize("source", [source for source in Source if source is not Source.DEFINITION])
@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("strict", [False, True])
def test_a_single_copy_is_stored_unless_it_is_not_trusted(
    source: Source, kind: Kind, *, strict: bool
) -> None:
    """Of a leftover and in a strict import, only a complete copy is stored."""
    (decision,) = resolve([_copy(kind=kind, source=source)], strict=strict).decisions

    if kind is Kind.WELL_FORMED:
        assert decision == CopyDecision(CopyOutcome.IMPORTED)
    elif strict or source is Source.LEFTOVER:
        code = {Kind.STUB: ReasonCode.STUB, Kind.DAMAGED: ReasonCode.DAMAGED}[kind]
        assert decision == CopyDecision(CopyOutcome.QUARANTINED, Reason(code))
    elif kind is Kind.STUB:
        assert decision == CopyDecision(CopyOutcome.IMPORTED, Reason(ReasonCode.STUB))
    else:
        assert decision == CopyDecision(CopyOutcome.RECOVERED, Reason(ReasonCode.DAMAGED))


def test_every_copy_that_loses_has_its_reason() -> None:
    """In the order in which the reasons are asked for."""
    copies = {
        "winner": _copy(updated_at_ms=9),
        "ignored": _copy(kind=None, updated_at_ms=10, tenant=b"u"),
        "damaged": _copy(kind=Kind.DAMAGED, tenant=b"u"),
        "foreign": _copy(tenant=b"u"),
        "foreign stub": _copy(kind=Kind.STUB, tenant=b"u"),
        "stub": _copy(kind=Kind.STUB),
        "older": _copy(),
    }

    decisions = dict(zip(copies, resolve(list(copies.values())).decisions, strict=True))

    conflict = CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.TENANT_CONFLICT))
    assert decisions == {
        "winner": CopyDecision(CopyOutcome.IMPORTED),
        "ignored": CopyDecision(CopyOutcome.SKIPPED, Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN)),
        "damaged": CopyDecision(CopyOutcome.QUARANTINED, Reason(ReasonCode.DAMAGED)),
        "foreign": conflict,
        "foreign stub": conflict,
        "stub": CopyDecision(CopyOutcome.SUPERSEDED),
        "older": CopyDecision(CopyOutcome.SUPERSEDED),
    }


_STRIPPED = _copy(updated_at_ms=9, outputs=0, parts=Part.TERMINAL | Part.COMPLETED_NODES)


def test_a_stripped_winner_gets_each_part_from_the_best_copy_that_has_it() -> None:
    """The copies that gave say so, and those that had nothing to give are superseded."""
    copies = [
        _copy(updated_at_ms=1),
        _copy(updated_at_ms=3, parts=Part.OUTPUTS | Part.SNAPSHOT),
        _STRIPPED,
        _copy(updated_at_ms=2, parts=Part.RUNTIME_CONTEXT),
    ]

    resolution = resolve(copies)

    assert resolution.winner == 2
    assert resolution.donors == {Part.OUTPUTS: 1, Part.SNAPSHOT: 1, Part.RUNTIME_CONTEXT: 3}
    everything = Part.OUTPUTS | Part.SNAPSHOT | Part.RUNTIME_CONTEXT
    gave = CopyOutcome.RESTORED_FROM
    assert resolution.decisions == [
        CopyDecision(CopyOutcome.SUPERSEDED),
        CopyDecision(gave, Reason(given=Part.OUTPUTS | Part.SNAPSHOT)),
        CopyDecision(CopyOutcome.IMPORTED, Reason(received=everything)),
        CopyDecision(gave, Reason(given=Part.RUNTIME_CONTEXT)),
    ]


def test_a_winner_keeps_the_parts_that_it_has() -> None:
    """An older copy may differ in them."""
    winner = _copy(updated_at_ms=9, parts=_COMPLETE & ~Part.SNAPSHOT)

    assert resolve([winner, _copy()]).donors == {Part.SNAPSHOT: 1}


def test_outputs_of_a_run_that_completed_no_node_are_not_restored() -> None:
    """It never had any; what an older copy has belongs to an attempt that was started over."""
    winner = _copy(updated_at_ms=9, outputs=0, parts=Part.TERMINAL)

    assert set(resolve([winner, _copy()]).donors) == {Part.RUNTIME_CONTEXT, Part.SNAPSHOT}


@pytest.mark.parametrize(
    ("winner", "held"),
    [
        ({}, Held(0, written_by_service=True)),
        ({"parts": Part.COMPLETED_NODES}, None),
        ({"kind": Kind.STUB}, Held(0, written_by_service=True)),
    ],
    ids=["written by a service", "not ended", "a stub"],
)
def test_some_winners_are_left_as_they_are(winner: dict[str, Any], held: Held | None) -> None:
    """What they lack, no compaction took away."""
    winning = _copy(
        **{"updated_at_ms": 9, "outputs": 0, "parts": Part.TERMINAL | Part.COMPLETED_NODES} | winner
    )

    resolution = resolve([winning, _copy()], held)

    assert (resolution.winner, resolution.donors) == (0, {})


@pytest.mark.parametrize("kind", [Kind.STUB, Kind.DAMAGED])
def test_a_stub_or_a_recovered_entry_gets_nothing_back(kind: Kind) -> None:
    """Even if nothing better is there: it is not what the engine compacted."""
    winning = _copy(kind=kind, updated_at_ms=9, parts=Part.TERMINAL | Part.COMPLETED_NODES)

    assert resolve([winning, _copy(kind=kind)]).donors == {}


@pytest.mark.parametrize(
    "donor",
    [
        {"kind": Kind.STUB},
        {"kind": Kind.DAMAGED},
        {"automation": b"b"},
        {"tenant": b"u"},
        {"kind": None},
        {"parts": Part.GATE | Part.TERMINAL | Part.COMPLETED_NODES},
    ],
    ids=["a stub", "damaged", "of another automation", "of another tenant", "ignored", "no parts"],
)
def test_some_copies_give_nothing(donor: dict[str, Any]) -> None:
    """Their parts may be another run's, or made up."""
    resolution = resolve([_STRIPPED, _copy(**donor)])

    assert (resolution.winner, resolution.donors) == (0, {})


def test_partial_outputs_are_noted_at_the_winner_and_the_giver() -> None:
    """And nowhere else."""
    resolution = resolve([_copy(), _STRIPPED, _copy(updated_at_ms=1)])

    partial = resolution.with_partial_outputs()

    assert [one.reason.partial for one in partial.decisions] == [True, True, False]
    assert [one.reason.partial for one in resolution.decisions] == [False, False, False]
    assert [one.outcome for one in partial.decisions] == [
        one.outcome for one in resolution.decisions
    ]
    assert (partial.winner, partial.donors) == (resolution.winner, resolution.donors)
