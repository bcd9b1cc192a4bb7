"""One damaged entry costs no other, in whatever layout the file is written."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem_store.importer.source.salvage import tokens
from tandem_store.importer.source.salvage.damaged_ranges import salvage
from tandem_store.importer.source.salvage.entries import outline
from tests.importer.source.salvage.spoilt_files import (
    IDS,
    LAYOUTS,
    copies_in,
    invented,
    lost,
    spoilt_file,
)


def _holds(layout: str, random: Random) -> None:
    file = spoilt_file(layout, random)

    assert lost(file) == []
    assert invented(file) == []


@given(st.sampled_from(list(LAYOUTS)), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_complete_neighbour_of_damage_is_read_to_the_byte(
    layout: str, random: Random
) -> None:
    """Bits flipped, bytes cut out, put in or overwritten in one entry; and no run is made up."""
    _holds(layout, random)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_complete_neighbour_is_read_in_a_thousand_files(layout: str) -> None:
    """The same rule in each layout, over more files."""
    for seed in range(1_000):
        _holds(layout, Random(seed))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sound_file_is_read_in_every_layout(layout: str) -> None:
    """What the damaged ones are held against."""
    document = {"schema_version": 1, "runs": {key: {"run_id": key} for key in IDS}}

    found = outline(LAYOUTS[layout](document).encode())

    assert (len(found), found.damage) == (len(IDS), [])


@pytest.mark.parametrize("layout", ["minified", "sorted minified"])
def test_a_newer_version_behind_damage_is_seen(layout: str) -> None:
    """Damage that hides which object the version belongs to does not make the file older."""
    runs = {key: {"run_id": key, "checkpoint": {}} for key in "abc"}
    text = LAYOUTS[layout]({"runs": runs, "schema_version": 2})
    spoilt = text.replace('{"checkpoint":{}', '{"checkpoint":{', 1).replace(
        '"checkpoint":{}}', '"checkpoint":{}', 1
    )

    assert [copy.rejected and copy.rejected.reason for copy in copies_in(spoilt.encode())] == [
        "newer_schema_version"
    ]


class _Counted:
    """A pattern that counts the bytes that it goes over."""

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self.bytes = 0

    def match(self, data: bytes, at: int, stop: int) -> re.Match[bytes] | None:
        found = self._pattern.match(data, at, stop)
        self.bytes += (stop if found is None else found.end()) - at
        return found


@pytest.mark.parametrize("spoil", ['"', "{", "}", '{"'])
def test_a_range_that_is_damaged_all_over_is_read_but_twice(
    spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every second entry lacks sense, and none is looked through to the end of the file."""
    entries = [
        f'"{at}":{{"run_id":"{at}","checkpoint":{{{spoil if at % 2 else ""}}}}}'
        for at in range(900)
    ]
    data = ",".join(entries).encode()
    counted = _Counted(tokens.BRACKET)
    monkeypatch.setattr("tandem_store.importer.source.salvage.damaged_ranges.BRACKET", counted)

    found = {data[span.start : span.stop].decode() for span in salvage(data, 0, len(data))}

    assert set(entries[::2]) <= found
    assert counted.bytes <= 2 * len(data)
