"""The reason of an outcome: a type in the code, one text in the ledger's column."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem_store.ledger import Part, Reason, ReasonCode
from tandem_store.ledger.outcomes import NO_PARTS, NO_REASON, RESTORABLE

_RESTORED = st.sets(st.sampled_from(sorted(RESTORABLE)), min_size=1).map(
    lambda parts: Part(sum(parts))
)
_REASONS = st.one_of(
    st.just(NO_REASON),
    st.sampled_from([*ReasonCode, "too_large", "truncated"]).map(Reason),
    st.tuples(_RESTORED, st.booleans()).map(lambda one: Reason(received=one[0], partial=one[1])),
    st.tuples(_RESTORED, st.booleans()).map(lambda one: Reason(given=one[0], partial=one[1])),
)


@given(_REASONS)
def test_a_reason_comes_back_out_of_its_column(reason: Reason) -> None:
    """Whatever is stored is read as what it was."""
    assert Reason.of_column(reason.as_column()) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, NO_REASON),
        ("stub", Reason(ReasonCode.STUB)),
        ("non_terminal_context_run", Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN)),
        ("too_deep", Reason("too_deep")),
        ("node_outputs", Reason(given=Part.OUTPUTS)),
        (
            "restored node_outputs automation_snapshot",
            Reason(received=Part.OUTPUTS | Part.SNAPSHOT),
        ),
        ("restored node_outputs partial", Reason(received=Part.OUTPUTS, partial=True)),
        (
            "node_outputs runtime_context partial",
            Reason(given=Part.OUTPUTS | Part.RUNTIME_CONTEXT, partial=True),
        ),
    ],
)
def test_the_texts_are_those_that_stores_have_had_since_the_first_release(
    text: str | None, reason: Reason
) -> None:
    """A store that was filled before is read as it is filled now."""
    assert Reason.of_column(text) == reason
    assert reason.as_column() == text


def test_nothing_to_say_has_no_parts() -> None:
    """Most copies have no reason, and no text in the column."""
    assert (NO_REASON.code, NO_REASON.received, NO_REASON.given) == ("", NO_PARTS, NO_PARTS)
    assert Reason.of_column("") == NO_REASON
