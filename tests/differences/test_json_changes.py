"""Where two JSON values differ."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem_store.differences import ABSENT, Change
from tandem_store.differences.json_changes import changes, is_same
from tandem_store.json_pointer import tokens, value_at
from tests.support.json_values import exact

#: Keys that a careless pointer mixes up, and some that repeat.
KEYS = st.sampled_from(["", "/", "~", "~1", "-", "0", "a", "node_id", "\0"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, 0.0, -0.0, "", "a", "b", "\0"]),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
#: What nodes of a flow look like.
NODES = st.lists(
    st.fixed_dictionaries({"node_id": st.sampled_from("abcde"), "value": VALUES}), max_size=5
)


@given(VALUES | NODES, VALUES | NODES)
def test_nothing_differs_only_between_equal_values(one: Any, other: Any) -> None:
    """Numbers of different kinds are different values."""
    assert (changes(one, other) == ()) is (exact(one) == exact(other)) is is_same(one, other)


@given(VALUES | NODES, VALUES | NODES)
def test_paths_lead_to_the_values(one: Any, other: Any) -> None:
    """Into the first value; into the second for what the first does not have."""
    for change in changes(one, other):
        holder, value = (other, change.other) if change.one is ABSENT else (one, change.one)
        assert exact(value_at(holder, tokens(change.path))) == exact(value)
        assert not is_same(change.one, change.other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, [("/a", 1, 1.0)]),
        ({"a": 1}, {"a": True}, [("/a", 1, True)]),
        ({"a": None}, {}, [("/a", None, ABSENT)]),
        ({}, {"a/~": None}, [("/a~1~0", ABSENT, None)]),
        ([1, 2, 3], [1, 9, 2, 3], [("/1", ABSENT, 9)]),
        ([1, 2, 3], [1, 3], [("/1", 2, ABSENT)]),
        ([1, 2], {"0": 1}, [("", [1, 2], {"0": 1})]),
        ("a", "b", [("", "a", "b")]),
        ("absent", ABSENT, [("", "absent", ABSENT)]),
        (ABSENT, ABSENT, []),
    ],
)
def test_each_place_is_named_once(one: Any, other: Any, expected: list[Any]) -> None:
    """With what is there on either side; null is there."""
    assert [exact([*vars_of(change)]) for change in changes(one, other)] == exact(
        [list(row) for row in expected]
    )


def vars_of(change: Change) -> tuple[Any, ...]:
    """The fields of a change."""
    return change.path, change.one, change.other


def test_nodes_are_paired_by_their_ids() -> None:
    """A node that was put in between does not make those behind it others."""
    one = [{"node_id": "a", "n": 1}, {"node_id": "b", "n": [], "x": 1}]
    new = {"node_id": "new", "n": 1}
    other = [{"node_id": "a", "n": 1}, new, {"node_id": "b", "n": ["new"], "x": 1}]

    assert changes(one, other) == (Change("/1", ABSENT, new), Change("/1/n/0", ABSENT, "new"))


def test_nodes_in_another_order_differ() -> None:
    """Although each of them is the same."""
    a, b = {"node_id": "a"}, {"node_id": "b"}

    assert changes([a, b], [b, a]) == (
        Change("/0/node_id", "a", "b"),
        Change("/1/node_id", "b", "a"),
    )
