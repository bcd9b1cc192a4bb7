"""Two ways to load runs are compared by a digest of what they stored."""

from __future__ import annotations

import random
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL

from benchmarks import stores
from benchmarks.checkouts import this_checkout
from benchmarks.contents import Contents, contents_of
from benchmarks.generate import write_shards
from benchmarks.lab import Lab
from benchmarks.peers import ENGINE, FLOOR, LOADERS, SERVERS
from benchmarks.results import Results
from benchmarks.servers import Server
from benchmarks.sizes import QUICK
from benchmarks.suites import importing

RUNS = st.dictionaries(
    st.text(min_size=1), st.dictionaries(st.text(), st.integers(0, 9), max_size=3), max_size=5
)


@given(RUNS, st.randoms())
def test_the_order_makes_no_difference(runs: dict[str, dict[str, int]], rng: random.Random) -> None:
    """Neither that of the runs nor that of their keys."""
    records = [values | {"run_id": run_id} for run_id, values in runs.items()]
    shuffled = [dict(rng.sample(list(one.items()), len(one))) for one in records]
    rng.shuffle(shuffled)

    assert contents_of(records) == contents_of(shuffled)


@given(RUNS.filter(bool), st.data())
def test_any_difference_is_noticed(runs: dict[str, dict[str, int]], data: st.DataObject) -> None:
    """In one value of one run."""
    records = [values | {"run_id": run_id, "n": 1} for run_id, values in runs.items()]
    changed = [*records]
    at = data.draw(st.integers(0, len(records) - 1))
    changed[at] = changed[at] | {"n": 2}

    assert contents_of(records) != contents_of(changed)


@pytest.mark.sqlite
def test_an_import_that_lost_a_run_has_no_time(tmp_path: Path) -> None:
    """Fast and wrong is no result."""
    state = tmp_path / "state"
    write_shards(state, runs=3)

    with pytest.raises(click.ClickException, match="3 of 4 runs were imported"):
        stores.import_(this_checkout(), f"sqlite:///{tmp_path / 'runs.db'}", state, 1, runs=4)


def test_who_stored_anything_else_is_refused(tmp_path: Path) -> None:
    """And so is who stored another dump of the same runs."""
    one, other = Contents(1, "one"), Contents(1, "other")
    lab = Lab(
        tmp_path, QUICK, (this_checkout(),), None, Server(URL.create("postgresql")), Results({})
    )
    turns = importing.Turns(lab, lab.shards(1), 1)
    turns.check("floor", one)
    turns.check_store("import", stores.Dump("dump", one))

    with pytest.raises(click.ClickException, match="loop: stored"):
        turns.check("loop", other)
    with pytest.raises(click.ClickException, match="parsers: the dump differs"):
        turns.check_store("parsers", stores.Dump("another dump", one))


def test_every_peer_is_installed_by_make() -> None:
    """In the environment of the peers, and has a program."""
    folder = Path(stores.__file__).parent / "peers"
    lines = (folder / "requirements.txt").read_text().splitlines()
    required = {line.partition(">=")[0] for line in lines if not line.startswith("#")}
    peers = [*LOADERS, *SERVERS, ENGINE]

    assert FLOOR in peers
    assert {peer.package for peer in peers if peer.package} == required - {"orjson"}
    assert [one.program for one in peers if not (folder / f"{one.program}.py").exists()] == []
