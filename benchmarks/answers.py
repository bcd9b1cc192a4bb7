"""A running program that answers, as ``answering`` does, seen from the side that measures."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
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
    """One program that answers, from its start until the end of the ``with`` block."""

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
        #: The names of its calls.
        self.calls: tuple[str, ...] = tuple(self._ask(setup)["calls"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def call(self, name: str, times: int = 1) -> Answer:
        """Make one call so many times.

        Raises:
            CommandFailedError: the program has ended; standard error has its traceback.
        """
        return Answer(**self._ask({"call": name, "times": times}))

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise CommandFailedError(f"{' '.join(self._command)} ended when asked {request}")
        answered: dict[str, Any] = json.loads(line)
        return answered
