"""The order in which files are read, by how many processes and in what batches, changes nothing."""

from __future__ import annotations

import random
import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importer.traps import lay_all
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.state_directories import (
    Json,
    StateDir,
    context_stub,
    corrupt_stub,
    damaged,
    full_run,
    stripped,
)
from tests.support.stored import dump

pytestmark = pytest.mark.sqlite


def shuffled(seed: int, files: list[Any]) -> list[Any]:
    """The files in an order that depends on the seed alone."""
    return random.Random(seed).sample(files, len(files))


def backwards(files: list[Any]) -> list[Any]:
    """The files from the last to the first."""
    return files[::-1]


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory with every trap."""
    state = StateDir(tmp_path_factory.mktemp("trapped") / "state")
    lay_all(state)
    return state.root


@pytest.fixture(scope="module")
def plain_dump(
    trapped: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """The dump after reading all traps in the order of the walk."""
    path = tmp_path_factory.mktemp("plain") / "runs.db"
    shutil.copy2(sqlite_template, path)
    imported(f"sqlite:///{path}", trapped)
    return dump(f"sqlite:///{path}")


@pytest.mark.parametrize("batch", [1, 7, 500])
@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_shuffled_scan_gives_the_same_dump(
    trapped: Path, plain_dump: bytes, new_store: NewStore, seed: int, jobs: int, batch: int
) -> None:
    """Whatever is read first, the same copies win and the same bytes are dumped."""
    url = new_store()

    imported(url, trapped, order=partial(shuffled, seed), jobs=jobs, batch=batch)

    assert dump(url) == plain_dump


def test_the_dump_shows_differences(
    trapped: Path, plain_dump: bytes, new_store: NewStore, tmp_path: Path
) -> None:
    """The comparison is worth something: one run changed is another dump."""
    shutil.copytree(trapped / "data", tmp_path / "data", symlinks=True, ignore=no_fifo)
    shutil.copytree(trapped / "backups", tmp_path / "backups")
    StateDir(tmp_path).shard(full_run("source-leftover", detail="changed"))
    url = new_store()

    imported(url, tmp_path)

    assert b'"changed"' in dump(url)
    assert dump(url) != plain_dump


def no_fifo(_: str, names: list[str]) -> set[str]:
    """Copying a FIFO would wait for ever."""
    return {name for name in names if "fifo" in name}


class Placed(NamedTuple):
    """One generated copy: of which run, made how, put where."""

    run_id: str
    make: str
    hours: int
    outputs: int
    place: str


copies = st.builds(
    Placed,
    run_id=st.sampled_from(["a", "b", "c/d"]),
    make=st.sampled_from(["full", "stripped", "bare", "corrupt", "context", "damaged", "foreign"]),
    hours=st.integers(1, 3),
    outputs=st.integers(0, 2),
    place=st.sampled_from(["hot", "archive", "root_hot", "backup", "shard", "flat_shard"]),
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(placed=st.lists(copies, min_size=2, max_size=12))
def test_any_directory_gives_one_dump(placed: list[Placed], new_store: NewStore) -> None:
    """For directories of any mixture of copies, order and batches do not show in the dump."""
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder) / "state")
        for number, one in enumerate(placed):
            lay(state, one, number)
        forth, back, mixed = new_store(), new_store(), new_store()

        report = imported(forth, state.root)
        imported(back, state.root, order=backwards, batch=1)
        imported(mixed, state.root, order=partial(shuffled, len(placed)), batch=3)

    assert sum(report["outcomes"].values()) == report["copies"] >= 1
    assert dump(forth) == dump(back) == dump(mixed)


def lay(state: StateDir, one: Placed, number: int) -> None:
    """Put one copy into its place; a place for one copy only keeps the last."""
    run = made(one)
    if one.place == "shard":
        state.shard(run, month=f"2026/{number + 1:02d}")
    elif one.place == "flat_shard":
        state.flat_shard(run, month=f"2026/{number + 1:02d}")
    elif one.place == "backup":
        state.backup({one.run_id: run}, stamp=str(number))
    else:
        getattr(state, one.place)({f"{one.run_id}-{number}": run})


def made(one: Placed) -> Json:
    """The generated run."""
    full = full_run(one.run_id, hours=one.hours, nodes=["draft", "review"][: one.outputs])
    foreign = {"org_id": "acme", "workspace_id": "north", "source": "explicit"}
    ways = {
        "full": lambda: full,
        "stripped": lambda: stripped(full),
        "bare": lambda: stripped(full, outputs=False),
        "corrupt": lambda: corrupt_stub(one.run_id, hours=one.hours),
        "context": lambda: context_stub(one.run_id, hours=one.hours),
        "damaged": lambda: damaged(one.run_id, hours=one.hours),
        "foreign": lambda: full | {"tenant_context": foreign},
    }
    return ways[one.make]()
