"""The choice between copies: a function of the set of them, and of nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tandem_store.importer.choice.choose import Candidate, resolve
from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.source.kinds import Source
from tandem_store.ledger import CopyOutcome, Kind, Part

_PARTS = st.integers(0, 63).map(Part)


@st.composite
def _candidates(draw: st.DrawFn) -> list[Candidate]:
    drawn = draw(st.lists(st.builds(_candidate, _facts(), st.sampled_from(_SOURCES)), max_size=6))
    copies = [
        Candidate(one.facts, one.source, f"file-{number}", 0) for number, one in enumerate(drawn)
    ]
    if draw(st.booleans()):
        by_service = draw(st.booleans())
        copies.append(
            Candidate(draw(_facts()), Source.HOT, "", 0, stored=True, written_by_service=by_service)
        )
    return copies


_SOURCES = [source for source in Source if source is not Source.DEFINITION]


def _candidate(facts: Facts, source: Source) -> Candidate:
    return Candidate(facts, source, "", 0)


def _facts() -> st.SearchStrategy[Facts]:
    return st.builds(
        Facts,
        kind=st.sampled_from(Kind),
        run_id=st.just("r"),
        digest=st.binary(min_size=1, max_size=1),
        month_at_ms=st.just(0),
        updated_at_ms=st.integers(0, 3),
        outputs=st.integers(0, 2),
        parts=_PARTS,
        tenant=st.sampled_from([b"t", b"u"]),
        automation=st.sampled_from([b"a", b"b"]),
        ignored=st.booleans(),
    )


@given(_candidates(), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_copies_does_not_matter(
    copies: list[Candidate], random: st.DataObject, strict: bool
) -> None:
    """Shuffled, every copy has the same fate."""
    shuffled = list(copies)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    decisions = dict(zip(copies, resolve(copies, strict=strict).decisions, strict=True))

    assert dict(zip(shuffled, resolve(shuffled, strict=strict).decisions, strict=True)) == decisions


@given(_candidates(), st.booleans())
def test_every_copy_has_one_fate_and_at_most_one_wins(
    copies: list[Candidate], strict: bool
) -> None:
    """The winner alone is imported or recovered; without a winner nothing is superseded."""
    resolution = resolve(copies, strict=strict)

    won = [
        at
        for at, decision in enumerate(resolution.decisions)
        if decision.outcome in {CopyOutcome.IMPORTED, CopyOutcome.RECOVERED}
    ]
    assert len(resolution.decisions) == len(copies)
    assert won == ([] if resolution.winner is None else [resolution.winner])


@given(_candidates())
def test_a_whole_copy_never_loses_to_a_stub_or_to_damage(copies: list[Candidate]) -> None:
    """Whatever the dates; only what the store holds for another tenant stands above."""
    winner = resolve(copies).winner
    whole = [one for one in copies if one.facts.kind is Kind.WELL_FORMED and not one.facts.ignored]

    if whole and winner is not None and not copies[winner].stored:
        assert copies[winner].facts.kind is Kind.WELL_FORMED


@given(_candidates())
def test_what_the_store_holds_for_another_tenant_is_not_overwritten(
    copies: list[Candidate],
) -> None:
    """The newcomers go to quarantine, or lose otherwise; they never win."""
    resolution = resolve(copies)
    stored = next((one for one in copies if one.stored and not one.facts.ignored), None)

    if stored is not None and resolution.winner is not None:
        assert copies[resolution.winner].facts.tenant == stored.facts.tenant


@given(_candidates())
def test_only_a_whole_copy_of_the_same_automation_and_tenant_gives_parts(
    copies: list[Candidate],
) -> None:
    """A part is taken where the winner lacks it, from a copy that has it."""
    resolution = resolve(copies)

    for part, donor in resolution.donors.items():
        assert resolution.winner is not None
        winner, giver = copies[resolution.winner].facts, copies[donor].facts
        assert giver.kind is Kind.WELL_FORMED
        assert part in giver.parts
        assert part not in winner.parts
        assert (giver.tenant, giver.automation) == (winner.tenant, winner.automation)
