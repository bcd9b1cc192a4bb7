"""What a command cost includes every process that it started, and a failed one has no cost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.answers import Answering
from benchmarks.process import CommandFailedError, run
from tests.support import REPOSITORY

_SPIN = "import time\nwhile time.process_time() < 0.3: pass"
_HOLD = "import time; held = bytearray(100_000_000); time.sleep(0.5)"


def python(program: str) -> list[str]:
    """Return the command line of a short program."""
    return [sys.executable, "-c", program]


def test_cpu_is_that_of_all_processes(tmp_path: Path) -> None:
    """A parser process that its parent waited for counts, too."""
    cost = run(python(f"import subprocess; subprocess.run({python(_SPIN)!r})"), tmp_path)

    assert cost.cpu > 0.3


def test_memory_is_that_of_all_processes(tmp_path: Path) -> None:
    """It is looked at while the command runs, and is that of no file."""
    cost = run(python(f"import subprocess; subprocess.run({python(_HOLD)!r})"), tmp_path)

    assert cost.resident > 100_000_000
    assert 100_000_000 < cost.anonymous <= cost.resident


def test_a_failed_command_has_no_cost(tmp_path: Path) -> None:
    """The error has what the command wrote to standard error."""
    with pytest.raises(CommandFailedError, match="why it failed"):
        run(python("import sys; sys.exit('why it failed')"), tmp_path)


def test_compiled_modules_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each start would compile a few hundred of them."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert run(python("import sys; print(sys.dont_write_bytecode)"), tmp_path).output == "False\n"


_PROGRAM = """
from benchmarks.answering import answer
def prepare(setup):
    made = []
    def add():
        made.append(setup["what"])
        return made
    return {"add": add, "fail": lambda: 1 / 0}
answer(prepare)
"""


def test_a_program_answers_what_its_calls_took() -> None:
    """One time for each call, and what the last one returned."""
    with Answering(python(_PROGRAM), REPOSITORY, {"what": "x"}) as program:
        assert program.calls == ("add", "fail")
        answer = program.call("add", 3)

    assert len(answer.seconds) == 3
    assert answer.result == ["x", "x", "x"]


def test_a_program_that_has_ended_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """With the call that ended it; its traceback is on standard error."""
    with (
        Answering(python(_PROGRAM), REPOSITORY, {"what": "x"}) as program,
        pytest.raises(CommandFailedError, match="'fail'"),
    ):
        program.call("fail")

    assert "ZeroDivisionError" in capfd.readouterr().err
