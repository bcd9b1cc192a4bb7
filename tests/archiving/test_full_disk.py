"""A disk that is full while a month leaves or returns: a sentence about that disk, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem_store import StoreError, attach_month, detach_month, forget_content
from tests.archiving.months import FEBRUARY
from tests.support.databases import copied_file
from tests.support.small_disks import filled, mounted
from tests.support.stored import dump


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    with mounted(tmp_path / "disk", "3m") as place:
        yield place


@pytest.mark.parametrize("left", [150_000, 235_000])
def test_a_full_disk_of_the_archive_is_named(months_url: str, small_disk: Path, left: int) -> None:
    """The month is in the store as before, and nothing is left on that disk."""
    before, named = dump(months_url), f"The disk of {small_disk} is full, and nothing was left"

    with filled(small_disk, left=left):
        with pytest.raises(StoreError, match=named):
            detach_month(months_url, FEBRUARY, small_disk)
        with pytest.raises(StoreError, match=named):
            forget_content(months_url, FEBRUARY, archive_to=small_disk)

    assert list(small_disk.iterdir()) == []
    assert dump(months_url) == before


@pytest.mark.sqlite
@pytest.mark.parametrize("left", [0, 33_000, 200_000])
def test_a_full_disk_of_the_store_is_not_blamed_on_the_archive(
    months_file: Path, small_disk: Path, tmp_path: Path, left: int
) -> None:
    """The same call goes on when there is room again, over an archive that has its name already."""
    url, folder = copied_file(months_file, small_disk / "store.db"), tmp_path / "archives"
    before = dump(url)

    with filled(small_disk, left=left):
        with pytest.raises(StoreError, match="The disk is full, and nothing of the transaction"):
            detach_month(url, FEBRUARY, folder)

    assert dump(url) == before
    archive = detach_month(url, FEBRUARY, folder).archive
    with filled(small_disk, left=left), pytest.raises(StoreError, match="disk"):
        attach_month(url, archive)
    attach_month(url, archive)
    assert dump(url) == before
