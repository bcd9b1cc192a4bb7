"""Archives are looked for where they were written, and read by a deep examination."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from tandem_store import detach_month, tables
from tandem_store.doctor import examine
from tandem_store.doctor.findings import Finding
from tests.archiving.conftest import months_file as months_file
from tests.archiving.conftest import months_url as months_url
from tests.archiving.months import EACH, FEBRUARY, MARCH
from tests.support.tampering import tampering


@pytest.fixture
def archive(months_url: str, tmp_path: Path) -> Path:
    """The archive of February."""
    return detach_month(months_url, FEBRUARY, tmp_path).archive


def about_archives(url: str, *, deep: bool = False) -> list[Finding]:
    """The findings about archives."""
    known = {"archive_missing", "archive_damaged", "drop_due"}
    return [one for one in examine(url, deep=deep).findings if one.code in known]


def test_a_sound_archive_is_no_finding(months_url: str, archive: Path) -> None:
    """A deep examination has read it."""
    report = examine(months_url, deep=True)

    assert about_archives(months_url, deep=True) == []
    assert report.checked["archived runs"] == EACH


def test_a_missing_archive_is_a_warning(months_url: str, archive: Path) -> None:
    """It may have been moved, and all of its runs are in it."""
    archive.rename(archive.with_name("moved.tandem"))

    (found,) = about_archives(months_url)

    assert (found.code, found.month, found.count) == ("archive_missing", "2020-02", EACH)
    assert str(archive) in found.what


def test_another_file_in_its_place_is_an_error(months_url: str, archive: Path) -> None:
    """Also the archive of another month."""
    other = detach_month(months_url, MARCH, archive.parent).archive
    for content in (b"", b"text", other.read_bytes()):
        archive.write_bytes(content)
        (found,) = about_archives(months_url)
        assert found.code == "archive_damaged"
        assert not examine(months_url).ok


def test_an_altered_archive_is_found_by_reading_it(months_url: str, archive: Path) -> None:
    """Without that, its size and what it says of itself are right."""
    with closing(sqlite3.connect(archive)) as bare, bare:
        bare.execute("UPDATE runs SET total_tokens = 1 WHERE run_id = '2020-02-2'")

    assert about_archives(months_url) == []
    (found,) = about_archives(months_url, deep=True)
    assert (found.code, found.month) == ("archive_damaged", "2020-02")
    assert "2020-02-2" in found.what


def test_what_may_be_dropped_is_good_to_know(months_url: str, archive: Path) -> None:
    """With the command that does it."""
    with tampering(months_url) as connection:
        connection.execute(update(tables.archives).values(drop_due_at_ms=1))

    (found,) = about_archives(months_url)

    assert (found.code, found.count) == ("drop_due", 1)
    assert found.command == "tandem-store months retain --due"
