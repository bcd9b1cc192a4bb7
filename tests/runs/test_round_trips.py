"""What goes in comes out, on either database and after a copy to the other."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from tandem_store import RunRecord, Store, UnstorableError, open_store
from tandem_store.copying import copy_store
from tandem_store.errors import LegacyFormatError
from tandem_store.legacy import parse_runs_file, parse_shard_file
from tandem_store.testing.strategies import run_values
from tests.support import REPOSITORY
from tests.support.databases import NewDatabase
from tests.support.json_values import exact
from tests.support.legacy_runs import CREATED_MS, MONTH_MS
from tests.support.state_directories import Json

CORPUS = REPOSITORY / "tests" / "legacy" / "corpus" / "dev.jsonl"
NOW_MS = 1_790_000_000_000
#: U+0000 and its neighbour, the columns' escape spelled out, what JSON escapes, noncharacters, the
#: ends of the planes, private use, a letter and its accent together and apart, right to left.
ODD = (
    "\0\x01\\0\x7f\x80\"'%_\u2028\ufeff\ufffd\ufffe\uffff\ufdd0\ud7ff\ue000e\u0301é\u202eא"
    "\U0001f600\U00010000\U0001fffe\U0010ffff"
)
TEXTS = st.text(ODD, max_size=12)
NUMBERS = st.sampled_from(
    [2**63 - 1, 2**63, 2**64 - 1, -(2**63), -0.0, 0.0, 1.0, 5e-324, 1.7976931348623157e308, 2**53]
)
#: Of four months, as each is a table; the last is that of the greatest time that a column holds.
TIMES = st.sampled_from([0, CREATED_MS, CREATED_MS + 1, CREATED_MS + MONTH_MS, 253_402_300_799_999])
COUNTS = st.sampled_from([0, 2**53 + 1, 2**63 - 1])
#: Columns and documents hold these, each by its own way.
FIELDS = st.fixed_dictionaries(
    {
        "created_at_ms": TIMES,
        "updated_at_ms": TIMES,
        "started_at_ms": TIMES,
        "prompt_tokens": COUNTS,
        "completion_tokens": COUNTS,
        "total_tokens": COUNTS,
    },
    optional={
        "finished_at_ms": TIMES,
        "run_id": TEXTS,
        "automation_id": TEXTS,
        "trigger_type": TEXTS,
        "detail": TEXTS,
        "stop_reason": TEXTS,
        "estimated_cost_usd": st.floats(allow_nan=False, allow_infinity=False),
        "newer": st.dictionaries(TEXTS, TEXTS | NUMBERS, max_size=4),
    },
)


class Kept:
    """A store, and what was put into it by the ids that it got."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.runs: dict[str, Any] = {}
        self.refused: Counter[str] = Counter()

    def put(self, run: RunRecord) -> None:
        """Add the run under an id that is its own; one that no store takes is counted."""
        run = run.model_copy(update={"run_id": f"{run.run_id}#{len(self.runs)}"})
        try:
            with self._store.begin() as tx:
                tx.runs.add(run)
        except UnstorableError as error:
            self.refused[error.reason] += 1
            return
        self.runs[run.run_id] = exact(run.to_legacy())
        self.is_in(self._store, run.run_id)

    def is_in(self, store: Store, run_id: str) -> None:
        """The store gives the run back, every number of the kind that it was."""
        with store.read() as tx:
            found = tx.runs.get(run_id)
        assert found is not None
        assert exact(found.to_legacy()) == self.runs[run_id]

    def are_in_a_copy(self, source: str, target: str) -> None:
        """After a copy all of them are in the other database, and listed in the same order."""
        assert copy_store(source, target).differences == []
        with open_store(target) as copied:
            for run_id in self.runs:
                self.is_in(copied, run_id)
            assert ids(copied) == ids(self._store)


def ids(store: Store) -> list[str]:
    """The ids of all runs in the order of listings."""
    with store.read() as tx:
        return [run.run_id for run in tx.runs.iterate()]


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def way(request: pytest.FixtureRequest, new_store_on: NewDatabase) -> tuple[str, str]:
    """The URLs of two empty stores, of either kind."""
    here, _, there = request.param.partition(" to ")
    return new_store_on(here), new_store_on(there)


def test_a_run_survives_whatever_is_in_it(way: tuple[str, str]) -> None:
    """Unusual text and huge numbers, in columns and in the document, known fields and others."""
    with open_store(way[0]) as store:
        kept = Kept(store)

        @settings(max_examples=60, deadline=None, database=None, phases=[Phase.generate])
        @given(run_values(), FIELDS)
        def put(value: Json, odd: Json) -> None:
            run = RunRecord.model_validate(value | odd)
            assume(run.trigger_type != "recovered_context_run")
            kept.put(run)

        put()

        assert len(kept.runs) > kept.refused.total()
        kept.are_in_a_copy(*way)


def test_every_record_of_the_corpus_survives(way: tuple[str, str]) -> None:
    """All that the old reader took, and all that it made of what it could not."""
    with open_store(way[0]) as store:
        kept = Kept(store)

        for run in corpus():
            kept.put(run)

        assert len(kept.runs) > 100
        assert set(kept.refused) <= {"out_of_range", "open_context_run"}
        kept.are_in_a_copy(*way)


def corpus() -> Iterator[RunRecord]:
    """Every record that can be read from an input of the corpus."""
    for case in map(orjson.loads, CORPUS.read_bytes().splitlines()):
        files = [case["input_b64"]] if "input_b64" in case else case.get("files", {}).values()
        for content in map(base64.b64decode, files):
            yield from readable(content)


def readable(content: bytes) -> Iterator[RunRecord]:
    """The runs of a file, be it a shard or a hot file."""
    try:
        yield parse_shard_file(content)
    except LegacyFormatError:
        try:
            yield from parse_runs_file(content, now_ms=NOW_MS)[0].values()
        except LegacyFormatError:
            return
