"""What messages suggest can be typed as it stands."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import tandem_store
import tandem_store_command
from tandem_store.cli.program import program
from tandem_store.cli.suggested_commands import suggest_for, url_as_typed, with_store
from tandem_store.importer import ImportOptions, plan_import
from tests.support.legacy_runs import damaged, full_run
from tests.support.state_directories import StateDir

pytestmark = pytest.mark.sqlite

PACKAGE = Path(tandem_store.__file__).parent
MIGRATIONS = PACKAGE.parent / "migrations"
#: A command in a text. "this tandem-store" is the program itself.
#: ``X`` is what an f-string puts in.
WORD = "[a-z][a-z-]*|--[a-z][a-z-]*"
NAMED = re.compile(rf"(?<!this )\btandem-store(?: --db \S+)?( (?:{WORD})(?: (?:{WORD}|X))*)")


def texts(path: Path) -> Iterator[str]:
    """All texts in a module, docstrings too, and lists of words; what is put in stands as ``X``."""
    inside: set[ast.AST] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            inside.update(node.values)
            yield "".join(map(text_or_x, node.values))
        elif isinstance(node, ast.List | ast.Tuple):
            yield " ".join(map(text_or_x, node.elts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.value


def text_or_x(part: ast.AST) -> str:
    """A literal text as it is, anything else as ``X``."""
    return str(part.value) if isinstance(part, ast.Constant) else "X"


def commands_named() -> Iterator[tuple[str, str]]:
    """Each command that a text names, with the module that it is in."""
    modules = [
        *PACKAGE.rglob("*.py"),
        *MIGRATIONS.rglob("*.py"),
        Path(tandem_store_command.__file__),
    ]
    for path in sorted(modules):
        for text in texts(path):
            for match in NAMED.finditer(" ".join(text.split())):
                yield str(path.relative_to(PACKAGE.parent)), match[1]


def resolve(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that words begin with, and the words behind its name."""
    command: click.Command = program
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    return command, words


NAMED_COMMANDS = sorted(set(commands_named()))


def test_commands_are_found_in_the_package_and_beside_it() -> None:
    """Else the next test would look at nothing."""
    found = {words.strip() for _, words in NAMED_COMMANDS}

    assert {"db upgrade", "import X", "runs list", "runs show X --events"} <= found
    assert len(found) > 20
    packages = {Path(module).parts[1] for module, _ in NAMED_COMMANDS}
    assert {"cli", "database", "doctor", "importer", "quarantine.py"} <= packages


@pytest.mark.parametrize(("module", "words"), NAMED_COMMANDS, ids=str)
def test_every_command_that_a_text_names_exists(module: str, words: str) -> None:
    """So do its options; a group alone does nothing."""
    command, rest = resolve([word for word in words.split() if word != "--db"])

    # A docstring may name a group that it is about.
    assert not isinstance(command, click.Group) or (command is not program and not rest), words
    known = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in rest if word.startswith("--")} <= known, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run: tandem-store db upgrade", "Run: tandem-store --db 'a b.db' db upgrade"),
        (
            "tandem-store quarantine list has them.",
            "tandem-store --db 'a b.db' quarantine list has them.",
        ),
        (
            "1. tandem-store db check, 2. tandem-store stats",
            "1. tandem-store --db 'a b.db' db check, 2. tandem-store --db 'a b.db' stats",
        ),
        ("tandem-store copy --from X --to Y", "tandem-store copy --from X --to Y"),
        ("tandem-store stats now --db other.db", "tandem-store stats now --db other.db"),
        ("tandem-store --db other.db stats", "tandem-store --db other.db stats"),
        ("this tandem-store reads up to 1", "this tandem-store reads up to 1"),
        ("tandem-store months undo 2026-08", "tandem-store months undo 2026-08"),
        ("pip install tandem-store", "pip install tandem-store"),
    ],
)
def test_the_store_is_put_into_commands_alone(text: str, expected: str) -> None:
    """Quoted for a shell; what is no command, or names its stores, stays as it is."""
    with click.Context(program) as context:
        suggest_for(context, "a b.db")

        assert with_store(text) == expected


def test_without_another_store_nothing_is_put_in() -> None:
    """Neither for the default nor for that of the environment."""
    with click.Context(program):
        assert with_store("tandem-store stats") == "tandem-store stats"
    assert with_store("tandem-store stats") == "tandem-store stats"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("demo.db", "demo.db"),
        ("sqlite:///demo.db", "sqlite:///demo.db"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:secret@h/d", "postgresql+psycopg://u:***@h/d"),
        ("postgresql://h/d?password=secret", "postgresql+psycopg://h/d?password=hidden"),
        ("postgresql://u:sec@ret@h/d", "postgresql://***@h/d"),
    ],
)
def test_a_url_is_shown_as_it_was_typed_but_for_a_password(url: str, shown: str) -> None:
    """Wherever in the URL it stands."""
    assert url_as_typed(url) == shown


def test_the_plan_of_an_import_shows_no_password(tmp_path: Path) -> None:
    """It ends up in the log of whoever runs it."""
    state = StateDir(tmp_path)
    state.shard(full_run("one"))
    url = "postgresql://u:secret@h/d?sslpassword=secret"

    plan = plan_import(url, state.root, ImportOptions())

    assert plan.target == "postgresql+psycopg://u:***@h/d?sslpassword=hidden"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and no store in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TANDEM_STORE_URL", raising=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--db", "missing.db", "stats"],
        ["stats", "--db", "missing.db"],
        ["--db", "other.db", "stats", "--db", "missing.db"],
    ],
)
@pytest.mark.usefixtures("elsewhere")
def test_an_error_names_the_store_that_was_named(arguments: list[str]) -> None:
    """Following it makes that database, not another, empty one."""
    done = CliRunner().invoke(program, arguments)
    assert "Make it with: tandem-store --db missing.db db upgrade" in done.stderr

    command = done.stderr.strip().rpartition("tandem-store ")[2].split()
    assert CliRunner().invoke(program, command).exit_code == 0
    assert Path("missing.db").exists()


@pytest.mark.usefixtures("elsewhere")
def test_an_error_does_not_repeat_the_environment() -> None:
    """The next command finds the store by itself."""
    done = CliRunner().invoke(program, ["stats"], env={"TANDEM_STORE_URL": "missing.db"})

    assert "Make it with: tandem-store db upgrade" in done.stderr


@pytest.mark.usefixtures("elsewhere")
def test_what_a_copy_lacks_is_told_of_its_source() -> None:
    """Not of the store that would be meant without it."""
    done = CliRunner().invoke(program, ["copy", "--from", "missing.db", "--to", "new.db"])

    assert "tandem-store --db missing.db db upgrade" in done.stderr


@pytest.mark.usefixtures("elsewhere")
def test_every_command_of_a_summary_works(tmp_path: Path, store_url: str) -> None:
    """They are run, one after the other, as they were printed."""
    state = StateDir(tmp_path / "a state")
    state.shard(full_run("one"))
    state.shard(damaged("two"))
    runner = CliRunner(env={"TANDEM_STORE_URL": None})
    done = runner.invoke(program, ["--db", store_url, "import", str(state.root), "--jobs", "1"])

    words = [shlex.split(line) for line in done.stdout.splitlines() if "  tandem-store " in line]
    ended = [runner.invoke(program, one[1:]) for one in words]

    assert [one[3:] for one in words] == [
        ["quarantine", "list"],
        ["verify", str(state.root)],
        ["backup", "backup.db.zst"],
    ]
    assert "damaged" in ended[0].stdout
    assert "copies checked" in ended[1].stdout
    assert "To restore it" in ended[2].stdout
