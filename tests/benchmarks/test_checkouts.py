"""A checkout is measured only if its environment runs its own code."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest

from benchmarks.checkouts import other_checkout, this_checkout


def refused(against: str, work: Path) -> str:
    """Return why a checkout cannot be compared with."""
    with pytest.raises(click.ClickException) as caught, other_checkout(against, work):
        pass
    return caught.value.message


def test_a_folder_needs_an_environment(tmp_path: Path) -> None:
    """The message says how to make it."""
    assert refused(str(tmp_path), tmp_path) == f"{tmp_path} has no environment: run make dev there"


def test_an_environment_of_another_checkout_is_refused(tmp_path: Path) -> None:
    """Else this checkout would be compared with itself, and nothing would show it."""
    (tmp_path / ".venv").symlink_to(sys.prefix)

    assert f"imports {this_checkout().root}" in refused(str(tmp_path), tmp_path)


def test_what_git_does_not_know_is_refused(tmp_path: Path) -> None:
    """Before anything was made."""
    assert refused("no-such-revision", tmp_path) == (
        "no-such-revision is neither a folder nor a revision"
    )
    assert list(tmp_path.iterdir()) == []
