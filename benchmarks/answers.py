"""A running program that answers, as ``answering`` does, seen from the side that measures."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from benchmarks.process import CommandFailedError, environment


class Answer(NamedTuple):
    """What a number of calls took."""

    #: Of each call.
    seconds: list[float]
    #: Processor seconds of the program, divided by the calls.
    cpu: float
    #: What the last call returned.
    result: Any


class Answering:
    """One program that answers, from its start until the end of the ``with`` block.

    It prepares what ``setup`` says while others do the same.
    """

    def __init__(self, command: Sequence[str], folder: Path, setup: dict[str, Any]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._send(setup)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    @cached_property
    def calls(self) -> tuple[str, ...]:
        """The names of its calls; asking waits until everything is prepared."""
        return tuple(self._receive()["calls"])

    def call(self, name: str, times: int = 1) -> Answer:
        """Make one call so many times.

        Raises:
            CommandFailedError: the program has ended; standard error has its traceback.
        """
        assert name in self.calls
        self._send({"call": name, "times": times})
        return Answer(**self._receive())

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._asked = request
        with suppress(BrokenPipeError):  # No answer will come, and that is an error.
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not (line := self._process.stdout.readline()):
            raise CommandFailedError(f"{' '.join(self._command)} ended when asked {self._asked}")
        answered: dict[str, Any] = json.loads(line)
        return answered
