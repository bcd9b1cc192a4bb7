"""What is held stays, whoever asks for what."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import click
import pytest

from tandem_store import (
    ConflictError,
    HeldError,
    NotFoundError,
    Transaction,
    detach_month,
    drop_month,
    forget_content,
    open_store,
    plan_retention,
    retain_months,
)
from tandem_store.cli.program import program
from tests.archiving.months import FEBRUARY, run_id
from tests.support.program import command
from tests.support.stored import dump

HELD = run_id(FEBRUARY, 2)
Place = Callable[[Transaction], None]
WAYS: dict[str, Place] = {
    "run": lambda tx: tx.holds.hold_run(HELD, "an audit"),
    "automation": lambda tx: tx.holds.hold_automation("auto-0", "an audit"),
}
#: Every command of the program that could take something away, with arguments that make it do so.
#: The others are named in ``HARMLESS``; a command that is in neither fails the test.
TAKING: dict[str, list[str]] = {
    "months detach": ["2020-02", "--to", "DIR"],
    "months forget-content": ["2020-02", "--yes"],
    "months drop": ["2020-02", "--yes"],
    "months retain": ["--keep", "1", "--archive-to", "DIR", "--yes"],
}
HARMLESS = {
    "approvals list",
    "automations health",
    "automations hold",
    "automations list",
    "automations show",
    "backup",
    "copy",
    "db check",
    "db current",
    "db upgrade",
    "doctor",
    "dump",
    "export csv",
    "export jsonl",
    "export legacy",
    "export parquet",
    "hold list",
    "hold release",
    "import",
    "months attach",
    "months compact",
    "months ensure",
    "months list",
    "quarantine discard",
    "quarantine list",
    "quarantine retry",
    "quarantine show",
    "restore",
    "runs diff",
    "runs hold",
    "runs list",
    "runs show",
    "stats",
    "verify",
}


def commands(group: click.Group, before: str = "") -> set[str]:
    """The names of all commands."""
    found: set[str] = set()
    for name in group.commands:
        one = group.commands[name]
        path = f"{before}{name}"
        found |= commands(one, f"{path} ") if isinstance(one, click.Group) else {path}
    return found


def hold(url: str, place: Place) -> None:
    """Place a hold."""
    with open_store(url) as store, store.begin() as tx:
        place(tx)


@pytest.mark.sqlite
@pytest.mark.parametrize("kind", WAYS)
def test_no_command_takes_what_is_held(months_url: str, tmp_path: Path, kind: str) -> None:
    """Each is tried, and the month is as before; a new command belongs into one of the lists."""
    assert commands(program) == TAKING.keys() | HARMLESS
    hold(months_url, WAYS[kind])
    with open_store(months_url) as store, store.read() as tx:
        before = tx.runs.get(HELD)

    for name, arguments in TAKING.items():
        words = [str(tmp_path) if word == "DIR" else word for word in arguments]
        done = command("--db", months_url, *name.split(), *words)
        assert done.exit_code != 0, name
        with open_store(months_url) as store, store.read() as tx:
            assert tx.runs.get(HELD) == before, name


@pytest.mark.parametrize("kind", WAYS)
def test_every_way_of_taking_it_away_is_refused(months_url: str, tmp_path: Path, kind: str) -> None:
    """With the ids of the held runs, by one error."""
    hold(months_url, WAYS[kind])
    before = dump(months_url)
    for take in (
        lambda: detach_month(months_url, FEBRUARY, tmp_path),
        lambda: forget_content(months_url, FEBRUARY),
        lambda: forget_content(months_url, FEBRUARY, archive_to=tmp_path),
    ):
        with pytest.raises(HeldError) as refused:
            take()
        assert HELD in refused.value.run_ids
    with open_store(months_url) as store, store.begin() as tx:
        with pytest.raises(HeldError):
            tx.runs.delete(HELD)
        tx.runs.delete(run_id(FEBRUARY, 3))
        with pytest.raises(NotFoundError):
            tx.runs.delete(run_id(FEBRUARY, 3))
    assert dump(months_url) != before
    assert list(tmp_path.glob("*.tandem")) == []


def test_a_hold_on_a_detached_run_keeps_its_archive(months_url: str, tmp_path: Path) -> None:
    """Until it is released; then it is dropped, also by retention."""
    archive = detach_month(months_url, FEBRUARY, tmp_path, drop_due_at_ms=1).archive
    hold(months_url, WAYS["run"])

    with pytest.raises(HeldError):
        drop_month(months_url, FEBRUARY)
    report = retain_months(months_url, plan_retention(months_url))
    assert [one.blocked_by[0].code for one in report.blocked] == ["held"]
    assert archive.exists()

    with open_store(months_url) as store, store.begin() as tx:
        tx.holds.release("run", HELD)
    report = retain_months(months_url, plan_retention(months_url))
    assert [one.month for one in report.dropped] == [FEBRUARY]
    assert not archive.exists()


@pytest.mark.parametrize("job", ["delete", "forget", "drop"])
def test_whoever_takes_it_waits_for_a_hold_that_is_just_being_placed(
    months_url: str, tmp_path: Path, job: str
) -> None:
    """Otherwise both would succeed, and what is held would be gone."""
    with ThreadPoolExecutor(1) as other, open_store(months_url) as store:
        if job == "drop":
            detach_month(months_url, FEBRUARY, tmp_path)
        takes: dict[str, Callable[[], object]] = {
            "delete": lambda: _delete(months_url),
            "forget": lambda: forget_content(months_url, FEBRUARY),
            "drop": lambda: drop_month(months_url, FEBRUARY),
        }
        with store.begin() as tx:
            tx.holds.hold_run(HELD, "an audit")
            taking = other.submit(takes[job])
            assert wait([taking], timeout=0.3).done == set()
        with pytest.raises(HeldError):
            taking.result()


def _delete(url: str) -> None:
    with open_store(url) as store, store.begin() as tx:
        tx.runs.delete(HELD)


def test_a_hold_has_a_reason_and_something_that_is_held(months_url: str) -> None:
    """It is listed, placed once, and released once."""
    with open_store(months_url) as store:
        for place in WAYS.values():
            with store.begin() as tx:
                place(tx)
            time.sleep(0.002)  # holds of the same millisecond have no order of age
        with store.read() as reading:
            assert [(one.kind, one.name, one.why) for one in reading.holds.list()] == [
                ("run", HELD, "an audit"),
                ("automation", "auto-0", "an audit"),
            ]
        with store.begin() as tx:
            for place in WAYS.values():
                with pytest.raises(ConflictError, match="an audit"):
                    place(tx)
            with pytest.raises(NotFoundError):
                tx.holds.hold_run("nobody", "x")
            with pytest.raises(NotFoundError):
                tx.holds.hold_automation("nobody", "x")
            with pytest.raises(ValueError, match="reason"):
                tx.holds.hold_run(HELD, " ")
            tx.holds.release("run", HELD)
            with pytest.raises(NotFoundError):
                tx.holds.release("run", HELD)
            assert [one.kind for one in tx.holds.list()] == ["automation"]
