"""The progress bar: whole at the end, and no alarm before."""

from __future__ import annotations

import io
import re
from contextlib import suppress

import pytest

from tandem_store.cli.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        """Always."""
        return True


def shown(
    monkeypatch: pytest.MonkeyPatch, *steps: tuple[str, int, int], is_stopped: bool = False
) -> str:
    """What a bar shows on a terminal with colours that takes these steps."""
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with suppress(KeyboardInterrupt), progress_bar() as progress:
        assert progress is not None
        for step in steps:
            progress(*step)
        if is_stopped:
            raise KeyboardInterrupt
    return terminal.getvalue()


def percentages(text: str) -> dict[str, int]:
    """The last figure of each phase."""
    plain = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", text)
    return {name: int(figure) for name, figure in re.findall(r"(\w+) +[━╸╺ ]+ +(\d+) %", plain)}


def test_a_bar_ends_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a phase passed over was not counted; a phase with nothing to do is done."""
    text = shown(monkeypatch, ("reading", 98, 100), ("settling", 0, 0))

    assert percentages(text) == {"reading": 100, "settling": 100}


def test_a_bar_that_was_stopped_stays_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not claim what did not happen."""
    text = shown(monkeypatch, ("reading", 40, 100), is_stopped=True)

    assert percentages(text) == {"reading": 40}


def test_an_unfinished_bar_is_not_red(monkeypatch: pytest.MonkeyPatch) -> None:
    """Red is for errors; rich would spell its own colour of unfinished bars as below."""
    text = shown(monkeypatch, ("reading", 40, 100), is_stopped=True)

    assert "\x1b[36m━" in text
    assert "\x1b[38;5;197m" not in text


def test_nobody_is_shown_a_bar_in_a_pipe() -> None:
    """Logs are for lines."""
    with progress_bar() as progress:
        assert progress is None
