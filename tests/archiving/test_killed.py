"""Whatever fails, and whenever: nothing is lost, and doctor names the one way forward."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from tandem_store import (
    MonthDetachedError,
    NotFoundError,
    StoreError,
    attach_month,
    detach_month,
    drop_month,
    forget_content,
    open_store,
)
from tandem_store.doctor import examine
from tests.archiving.months import EACH, FEBRUARY, JANUARY, MARCH, MONTHS, run_of, totals
from tests.support.databases import copied_file
from tests.support.stored import dump

#: What changes a database.
_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "COPY", "CREATE", "ALTER", "DROP", "LOCK")
#: Kills itself when it has been told of progress so often, or just after a step with a name.
_PROGRAM: Final = """
import os, signal, sys
import tandem_store
from pathlib import Path
from tandem_store import Month, archiving
from tandem_store.archiving import attach, detach, drop
job, url, where, moment = sys.argv[1:]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
def after(module, name):
    real = getattr(module, name)
    def wrapped(*args, **named):
        real(*args, **named)
        die()
    setattr(module, name, wrapped)
if moment == "published":
    after(detach, "publish")
elif moment == "noted":
    after(detach.archives, "begin")
elif moment == "committed":
    detach.give_space_back = drop._removed = die
calls = 0
def count(*_):
    global calls
    calls += 1
    if str(calls) == moment:
        die()
month = Month(2020, 2)
if job == "detach":
    tandem_store.detach_month(url, month, where, progress=count)
elif job == "attach":
    tandem_store.attach_month(url, where, progress=count)
elif job == "drop":
    tandem_store.drop_month(url, month)
else:
    tandem_store.forget_content(url, month, progress=count)
"""


class BrokenOffError(Exception):
    """Nothing that the store knows."""


@contextmanager
def failing_at(number: int) -> Iterator[list[str]]:
    """Let the writing statement with this number fail before the database has done it."""
    sent: list[str] = []

    def fail(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(_WRITES):
            sent.append(statement)
            if len(sent) == number:
                raise BrokenOffError

    event.listen(Engine, "before_cursor_execute", fail)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", fail)


def kill(job: str, url: str, where: Path, moment: str) -> None:
    """Run a job in a process that kills itself."""
    arguments = [sys.executable, "-c", _PROGRAM, job, url, str(where), moment]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


#: What doctor finds in the fixture, and on the server of the tests.
_BEFORE: Final = {"no_backup", "quarantine", "unsafe_setting"}


def codes(url: str) -> set[str]:
    """What doctor finds that it did not find before."""
    report = examine(url, deep=True)
    return {one.code for one in report.findings if one.severity.value != "info"} - _BEFORE


def failed_at_every(job: Callable[[], object], check: Callable[[], None], *, step: int) -> None:
    """Let a job fail at one statement after the other, until it gets through."""
    number = 1
    while True:
        with failing_at(number) as sent, suppress(BrokenOffError):
            job()
        if len(sent) < number:
            assert number > 7
            return
        check()
        number += step


STEPS: Final = [7, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("step", STEPS)
def test_detaching_fails_at_any_statement(months_url: str, tmp_path: Path, step: int) -> None:
    """The month is in the store as before, until it is in the archive; and it comes back."""
    before, stats, folder = dump(months_url), totals(months_url), tmp_path / "archives"

    def check() -> None:
        assert dump(months_url) == before
        assert totals(months_url, attached_only=True) == stats

    failed_at_every(lambda: detach_month(months_url, FEBRUARY, folder), check, step=step)

    assert [path.name for path in folder.iterdir()] == ["2020-02.tandem"]
    attach_month(months_url, folder / "2020-02.tandem")
    check()


@pytest.mark.parametrize("step", STEPS)
def test_attaching_fails_at_any_statement(months_url: str, tmp_path: Path, step: int) -> None:
    """The month is in the archive still, until all of it is in the store."""
    before = dump(months_url)
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    detached, stats = dump(months_url), totals(months_url)

    def check() -> None:
        assert dump(months_url) == detached
        assert totals(months_url) == stats

    failed_at_every(lambda: attach_month(months_url, archive), check, step=step)

    assert dump(months_url) == before
    assert totals(months_url, attached_only=True) == stats


@pytest.mark.parametrize("step", STEPS)
def test_forgetting_fails_at_any_statement(months_url: str, step: int) -> None:
    """What was forgotten stays so, and the rest is read until it is forgotten as well."""
    stats = totals(months_url)

    def check() -> None:
        assert totals(months_url) == stats
        with open_store(months_url) as store, store.read() as tx:
            assert list(tx.runs.damaged()) == []

    number = 1
    while True:
        with failing_at(number) as sent, suppress(BrokenOffError):
            forget_content(months_url, FEBRUARY)
        if len(sent) < number:
            break
        check()
        number += step
    check()
    with open_store(months_url) as store, store.read() as tx:
        assert [one.forgotten for one in tx.months.list() if one.runs] == [0, EACH, 0]


@pytest.mark.parametrize("moment", ["1", "3", "noted", "published"])
def test_a_killed_detaching_is_named_and_done_again(
    months_url: str, tmp_path: Path, moment: str
) -> None:
    """Before and after the archive has its name; what was left behind is written over."""
    before = dump(months_url)

    kill("detach", months_url, tmp_path, moment)

    assert dump(months_url) == before
    begun = moment == "published"
    assert codes(months_url) == ({"detach_interrupted"} if begun else set())
    assert (tmp_path / "2020-02.tandem").exists() == begun
    report = detach_month(months_url, FEBRUARY, tmp_path)
    assert codes(months_url) == set()
    assert [path.name for path in tmp_path.glob("*.tandem")] == ["2020-02.tandem"]
    attach_month(months_url, report.archive)
    assert dump(months_url) == before


def test_a_detaching_that_is_killed_at_its_end_is_done(months_url: str, tmp_path: Path) -> None:
    """Only the space in the file was not given back."""
    kill("detach", months_url, tmp_path, "committed")

    assert codes(months_url) == set()
    with pytest.raises(MonthDetachedError):
        detach_month(months_url, FEBRUARY, tmp_path)
    attach_month(months_url, tmp_path / "2020-02.tandem")


def test_the_archive_of_another_store_is_never_taken_for_what_was_left(
    months_url: str, months_file: Path, tmp_path: Path
) -> None:
    """Though it has the very name that an interrupted attempt was going to use."""
    other, folder = copied_file(months_file, tmp_path / "other.db"), tmp_path / "archives"
    kill("detach", months_url, folder, "published")
    (folder / "2020-02.tandem").unlink()
    with open_store(other) as store, store.begin() as tx:
        tx.runs.add(run_of(FEBRUARY, 0, run_id="only-there"))
    theirs = detach_month(other, FEBRUARY, folder).archive

    with pytest.raises(StoreError, match="never written over"):
        detach_month(months_url, FEBRUARY, folder)

    assert codes(months_url) == {"detach_interrupted"}
    attach_month(other, theirs)
    detach_month(months_url, FEBRUARY, tmp_path)
    assert codes(months_url) == set()


def test_an_archive_that_appears_meanwhile_is_not_written_over(
    months_url: str, months_file: Path, tmp_path: Path
) -> None:
    """Two stores that detach the same month into one folder: the second is told."""
    other = copied_file(months_file, tmp_path / "other.db")
    done: list[Path] = []

    def meanwhile(*_: object) -> None:
        if not done:
            done.append(detach_month(other, FEBRUARY, tmp_path).archive)

    with pytest.raises(StoreError, match="never written over"):
        detach_month(months_url, FEBRUARY, tmp_path, progress=meanwhile)

    attach_month(other, *done)


@pytest.mark.parametrize("moment", ["1", "2", "3"])
def test_a_killed_attaching_is_done_again(months_url: str, tmp_path: Path, moment: str) -> None:
    """While it reads, writes and reads back."""
    before = dump(months_url)
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive
    detached = dump(months_url)

    kill("attach", months_url, archive, moment)

    assert dump(months_url) == detached
    assert codes(months_url) == set()
    attach_month(months_url, archive)
    assert dump(months_url) == before


def test_a_killed_dropping_is_named_and_goes_on(months_url: str, tmp_path: Path) -> None:
    """The archive is there still, and the same command removes it."""
    archive = detach_month(months_url, FEBRUARY, tmp_path).archive

    kill("drop", months_url, archive, "committed")

    assert codes(months_url) == {"archive_left"}
    assert drop_month(months_url, FEBRUARY).removed
    assert not archive.exists()
    assert codes(months_url) == set()
    with pytest.raises(NotFoundError):
        drop_month(months_url, FEBRUARY)


def test_the_months_of_the_fixture_are_those_that_are_killed() -> None:
    """The program names its month by number."""
    assert MONTHS == (JANUARY, FEBRUARY, MARCH)
    assert (FEBRUARY.year, FEBRUARY.month) == (2020, 2)
