"""What holds for every command: help, the database it works on, and how it fails."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

import tandem_store_command
from tandem_store import __version__, open_store
from tandem_store import cli as package
from tandem_store.cli import error_messages, exits
from tandem_store.cli.command_table import ENTRIES, CommandEntry, summary
from tandem_store.cli.program import program
from tandem_store.database import revisions
from tandem_store.errors import StoreError
from tests.cli.terminals import PROGRAM, on_a_real_terminal
from tests.support import legacy_runs
from tests.support.state_directories import StateDir
from tests.support.tampering import tampering

Cli = Callable[..., Result]


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command and group below ``group``."""
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


ALL = sorted(commands(program))
LEAVES = [path for path in ALL if not any(other[: len(path)] == path != other for other in ALL)]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    """The help says what the command does and names the database option."""
    done = CliRunner().invoke(program, [*path, "--help"])

    assert done.exit_code == 0
    assert "--db URL" in done.stdout
    assert len(done.stdout.splitlines()[2].strip()) > 15


@pytest.mark.parametrize("columns", ["40", "80"])
@pytest.mark.parametrize("path", [(), *(path for path in ALL if path not in LEAVES)], ids=" ".join)
def test_no_list_of_commands_is_cut(path: tuple[str, ...], columns: str) -> None:
    """A sentence that ends in dots says nothing."""
    shown = CliRunner().invoke(program, [*path, "--help"], env={"COLUMNS": columns}).stdout

    assert "Commands:" in shown
    assert "..." not in shown.partition("Commands:")[2]


@pytest.mark.parametrize("option", ["-V", "--version"])
def test_the_version_is_told(option: str) -> None:
    """By the short name that people try first, too."""
    done = CliRunner().invoke(program, [option])

    assert (done.exit_code, done.stdout) == (0, f"tandem-store, version {__version__}\n")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_speaks_json(path: tuple[str, ...]) -> None:
    """Programs need not guess which command has the option."""
    assert "--json" in CliRunner().invoke(program, [*path, "--help"]).stdout


def test_the_commands_are_those_that_others_rely_on() -> None:
    """Scripts call them by these names."""
    assert [" ".join(path) for path in LEAVES] == [
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
        "months detach",
        "months drop",
        "months ensure",
        "months forget-content",
        "months list",
        "months retain",
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
    ]


@pytest.mark.parametrize(
    "place",
    [
        lambda url: ["--db", url, "runs", "list"],
        lambda url: ["runs", "--db", url, "list"],
        lambda url: ["runs", "list", "--db", url],
        lambda url: ["--db", "/nowhere/x.db", "runs", "list", "--db", url],
    ],
)
def test_the_database_may_be_named_anywhere(
    store_url: str, place: Callable[[str], list[str]]
) -> None:
    """The innermost ``--db`` counts."""
    done = CliRunner().invoke(program, place(store_url), env={"TANDEM_STORE_URL": "mysql://no"})

    assert (done.exit_code, done.stderr) == (0, "No runs.\n")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["--db", ":memory:", "stats"], 1, "In-memory SQLite is not supported"),
        (["--db", "mysql://x/y", "stats"], 1, "not supported"),
        (["--db", "/nowhere/x.db", "stats"], 1, "db upgrade"),
        (["--db", "/nowhere/x.db", "dump"], 1, "db upgrade"),
        (["--db", __file__, "stats"], 1, "not an SQLite database"),
        (["runs", "show", "nobody"], 1, "no run 'nobody'"),
        (["runs", "show", "nobody", "--origin"], 1, "no run 'nobody'"),
        (["runs", "show", "x\x1b[31m"], 1, "\\x1b"),
        (["runs", "list", "--cursor", "x"], 1, "start again without a cursor"),
        (["runs", "list", "--cursor", "x", "--since", "7d"], 1, "same options"),
        (["quarantine", "show", "7"], 1, "quarantine list"),
        (["quarantine", "retry", "7"], 1, "no quarantined item 7"),
        (["import", "/nowhere/state"], 1, "/nowhere/state"),
        (["verify", "/nowhere/state"], 1, "/nowhere/state"),
        (["runs", "list", "--status", "lost"], 2, "'queued'"),
        (["runs", "list", "--limit", "0"], 2, "1<=x<=1000"),
        (["runs", "list", "--limit", "1001"], 2, "1<=x<=1000"),
        (["runs", "list", "--since", "yesterday"], 2, "2026-08-01T12:00:00Z"),
        (["runs", "list", "--since", "999999999w"], 2, "is not a time"),
        (["runs", "list", "--since", "999999w"], 2, "before the calendar begins"),
        (["runs", "list", "--since", "2m"], 2, "may mean months or minutes"),
        (["runs", "list", "--since", "2026-13-01"], 2, "is not a time"),
        (["runs", "show", "x", "--node", "n", "--origin"], 2, "cannot be used together"),
        (["quarantine", "show", "seven"], 2, "not a valid integer"),
        (["quarantine", "discard"], 2, "--all"),
        (["import"], 2, "Missing argument"),
        (["nonsense"], 2, "No such command"),
    ],
)
def test_bad_input_gets_a_sentence_and_an_exit_code(
    cli: Cli, arguments: list[str], exit_code: int, sentence: str
) -> None:
    """Never a traceback, nothing on stdout, and no escape sequence back to the terminal."""
    done = cli(*arguments)

    assert done.exit_code == exit_code
    assert sentence in done.stderr
    assert done.stdout == ""
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(("revision", "hint"), [("0000", "db upgrade"), ("9999", "pip install")])
def test_a_store_at_another_revision_ends_with_5(
    cli: Cli, store_url: str, revision: str, hint: str
) -> None:
    """Every command but the upgrade refuses, and says which side to upgrade."""
    with tampering(store_url) as connection:
        connection.execute(
            text("UPDATE tandem_store_version SET version_num = :r"), {"r": revision}
        )

    for arguments in (
        ["stats"],
        ["dump"],
        ["runs", "list"],
        ["quarantine", "list"],
        ["db", "check"],
    ):
        done = cli(*arguments)
        assert done.exit_code == exits.SCHEMA, arguments
        assert hint in done.stderr


def quarantine_something(url: str) -> None:
    """Put one item into quarantine."""
    item = {"path": "p", "layout": "shard", "digest": bytes(32), "reason": "damaged"}
    item |= {"message": "m", "size": 1, "kept_in_source": False, "created_at_ms": 1}
    with open_store(url) as store, store.begin() as tx:
        tx.quarantine.add([item])


def test_a_locked_store_ends_with_6(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    """A writer waits for another one, and then says that it did."""
    monkeypatch.setattr("tandem_store.database.waiting.BUSY_TIMEOUT_S", 1)
    quarantine_something(store_url)
    with tampering(store_url) as other:
        other.execute(text("UPDATE quarantine SET message = 'mine'"))

        done = cli("quarantine", "discard", "--all", "--yes")

    assert done.exit_code == exits.LOCKED
    assert "Another process" in done.stderr


def test_an_unforeseen_failure_is_a_sentence_too(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called a defect of ours, and says how to see more."""

    def fail(_: object) -> None:
        raise LookupError("what now")

    monkeypatch.setattr("tandem_store.cli.commands.months.open_store", fail)

    done = CliRunner().invoke(program, ["months", "list"], env={"TANDEM_STORE_TRACEBACK": None})

    assert done.exit_code == 1
    assert "Unexpected LookupError: what now" in done.stderr
    assert "TANDEM_STORE_TRACEBACK=1" in done.stderr


def test_an_interruption_ends_with_130_and_the_command_to_go_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stopped it need not remember what it was."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tandem_store.cli.commands.months.open_store", stop)
    monkeypatch.setattr("sys.argv", ["tandem-store", "import", "a b"])

    done = cli("months", "list")

    assert done.exit_code == exits.INTERRUPTED
    assert "To continue: tandem-store import 'a b'" in done.stderr


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("postgresql://u:secret@h/d", "postgresql+psycopg://u:***@h/d"),
        ("--db=postgresql://h/d?password=secret", "--db=postgresql+psycopg://h/d?password="),
        ("sqlite:///runs.db", "sqlite:///runs.db"),
        ("other://u:x@h", "other://***@h"),
    ],
)
def test_the_command_to_go_on_has_no_password(
    monkeypatch: pytest.MonkeyPatch, typed: str, printed: str
) -> None:
    """What is printed ends up in logs."""
    monkeypatch.setattr("sys.argv", ["tandem-store", typed])

    assert printed in error_messages.command_line()
    assert "secret" not in error_messages.command_line()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied."),
        (OSError(28, "No"), "The disk is full. Free some space and try again."),
    ],
)
def test_trouble_of_the_system_is_a_sentence(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: OSError, sentence: str
) -> None:
    """Permission and a full disk are nobody's defect."""

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("tandem_store.cli.commands.months.open_store", fail)

    done = cli("months", "list")

    assert done.exit_code == exits.FAILED
    assert done.stderr == f"Error: {sentence}\n"


@pytest.mark.parametrize("command", [["dump"], ["runs", "list", "--limit", "1000", "--json"]])
def test_a_reader_that_has_had_enough_is_no_failure(
    store_url: str, add: Callable[..., Any], command: list[str]
) -> None:
    """``| head`` ends quietly, with 0, however much is left."""
    for n in range(300):
        add(f"r{n}", detail="x" * 1_000)

    process = subprocess.Popen(
        [*PROGRAM, "--db", store_url, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    complaint = process.stderr.read()
    process.stderr.close()

    assert (process.wait(timeout=60), complaint) == (0, b"")


@pytest.mark.parametrize("command", [["db", "upgrade"], ["dump"]])
def test_a_closed_stdout_is_refused(tmp_path: Path, command: list[str]) -> None:
    """Before anything is done: the next file to be opened would get its number."""
    path = tmp_path / "new.db"

    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "--db", str(path), *command],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (exits.FAILED, "")
    assert done.stderr == "Error: stdout is closed. Nothing was done; redirect it to /dev/null.\n"
    assert not path.exists()


@pytest.mark.sqlite
def test_other_streams_may_be_closed(store_url: str) -> None:
    """Nobody wants to be told anything, or to answer."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" 2>&- <&-', "sh", *PROGRAM, "--db", store_url, "stats"],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("MONTH")


@pytest.mark.parametrize(("options", "told"), [(["-v"], ["tandem_store.x: one"]), ([], [])])
def test_a_verbose_program_says_what_is_logged(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, options: list[str], told: list[str]
) -> None:
    """From INFO on, on stderr, and for this command alone."""
    logger = logging.getLogger("tandem_store.x")

    def list_nothing(_: object) -> None:
        logger.debug("none")
        logger.info("one")
        raise StoreError("done")

    monkeypatch.setattr("tandem_store.cli.commands.months.open_store", list_nothing)

    done = cli(*options, "months", "list", "--json")
    logger.info("two")

    assert [line[24:] for line in done.stderr.splitlines()[:-1]] == told


def test_the_module_is_the_program(store_url: str, tmp_path: Path) -> None:
    """``python -m tandem_store`` works in any folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(package.__file__).parents[2])}

    done = subprocess.run(
        [*PROGRAM, "--db", store_url, "db", "current", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert f'"revision": "{revisions.HEAD}"' in done.stdout


INTERRUPTED_IMPORT = """
import sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "tandem_store.cli.program":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupt())
from tandem_store_command import main
main()
"""


def test_an_interrupt_before_the_program_has_begun_is_a_sentence(tmp_path: Path) -> None:
    """Its import takes long enough to be interrupted by whoever sees a slip in what was typed."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT, "--db", str(tmp_path / "runs.db"), "stats"],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "Error: Interrupted before anything was done.\n"


def test_the_script_runs_the_module_that_can_be_interrupted() -> None:
    """In the scripts of an installed package too."""
    (script,) = metadata.entry_points(group="console_scripts", name="tandem-store")

    assert script.load() is tandem_store_command.main


WITHOUT_METADATA = """
import importlib.metadata as metadata
known = metadata.version
def version(name):
    if name == "tandem-store":
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.version = version
from tandem_store.cli import main
main()
"""


@pytest.mark.sqlite
def test_a_package_without_metadata_imports_all_the_same(store_url: str, tmp_path: Path) -> None:
    """As from an unpacked archive or a frozen program."""
    state = StateDir(tmp_path / "state")
    state.shard(legacy_runs.full_run("one"))

    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_METADATA, "--db", store_url, "import", str(state.root)],
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr.count("Error")) == (0, 0)
    assert "The store now holds 1 run in 1 month" in done.stdout


@pytest.mark.sqlite
def test_nothing_that_a_terminal_obeys_reaches_it(store_url: str, add: Callable[..., Any]) -> None:
    """Record text is shown with its control characters spelled out, in every view."""
    trap = "\x1b]0;owned\x07\x9b31m\u202e\x7f"
    add("r" + trap, automation_id=trap, detail=trap, trigger_type=trap)

    for arguments in (
        ["runs", "list"],
        ["runs", "list", "--json"],
        ["runs", "show", "r" + trap],
        ["runs", "show", "r" + trap, "--json"],
        ["runs", "show", "r" + trap, "--origin"],
        ["stats"],
        ["dump"],
    ):
        shown = on_a_real_terminal("--db", store_url, *arguments, columns=250)
        assert "owned" in shown or arguments == ["stats"]
        for character in ("\x1b]", "\x07", "\x9b", "\u202e", "\x7f"):
            assert character not in shown, (arguments, character)


ASKING = ["quarantine", "discard", "--all"]
QUESTION = b"for good? [y/N]: "


@contextmanager
def asking(url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has asked its question and waits for the answer."""
    quarantine_something(url)
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*PROGRAM, "--db", url, *ASKING], stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    )
    assert process.stderr is not None
    with process:
        shown = b""
        while not shown.endswith(QUESTION):
            piece = process.stderr.read(4_096)
            assert piece, shown
            shown += piece
        yield process


def test_a_signal_ends_a_process_without_a_traceback(store_url: str) -> None:
    """Ctrl-C while the program asks a question ends with 130, and says how to continue."""
    with asking(store_url) as process:
        # Its input stays open until it has ended: the end of that would be an answer.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            # Again, as people do: Python does not notice one that comes just before it reads.
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
        assert process.stderr is not None
        said = process.stderr.read()

    assert process.returncode == exits.INTERRUPTED
    assert said.strip().startswith(b"Error: Interrupted. To continue: tandem-store --db ")
    assert b"Traceback" not in said


def test_the_end_of_the_input_is_an_answer_of_no(store_url: str) -> None:
    """Nobody was there to interrupt anything."""
    with asking(store_url) as process:
        _, said = process.communicate(timeout=60)

    assert process.returncode == exits.FAILED
    assert said.strip() == b"Error: Nothing was changed."


@pytest.mark.parametrize(
    "moment", ["click.core.Group.parse_args", "tandem_store.cli.error_messages._store_error"]
)
def test_an_interrupt_outside_a_command_ends_with_130_too(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """While options are read, or when the command has failed already."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(moment, stop)

    done = cli("quarantine", "show", "7")

    assert done.exit_code == exits.INTERRUPTED
    assert "Error: Interrupted. To continue: " in done.stderr


HEAVY = {"alembic", "sqlalchemy", "pydantic", "rich", "tandem_store.importer", "tandem_store.store"}
IMPORTED = """
import sys
from tandem_store.cli.command_table import ENTRIES, CommandEntry, summary
from tandem_store.cli.program import program
try:
    program.main(sys.argv[1:], prog_name="tandem-store")
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_wait_for_no_library(option: str) -> None:
    """They are answered at once: what takes long to import is not imported."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, option], capture_output=True, text=True, check=True
    )

    assert "tandem_store.cli.program" in done.stderr.split()
    assert set(done.stderr.split()) & HEAVY == set()


@pytest.mark.parametrize(("name", "entry"), ENTRIES.items(), ids=list(ENTRIES))
def test_the_table_of_commands_agrees_with_them(name: str, entry: CommandEntry) -> None:
    """Each has its name; the list of commands says what its help says."""
    command = program.commands[name]

    assert command.name == name
    assert entry.summary == summary(command)
