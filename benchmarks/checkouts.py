"""The checkouts whose programs are measured: this one, and another commit beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from benchmarks.results import before

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with an environment in which it is installed."""

    root: Path
    python: Path
    is_before: bool = False

    def program(self, *arguments: str) -> list[str]:
        """Return the command line of its ``tandem-store``."""
        return [str(self.python.with_name("tandem-store")), *arguments]

    def module(self, name: str, *arguments: str) -> list[str]:
        """Return the command line of a module of these benchmarks in its environment.

        It has to run in ``Lab.programs``, which is where the module is found.
        """
        return [str(self.python), "-m", name, *arguments]

    def named(self, subject: str) -> str:
        """Return the name of a subject of this checkout in the results."""
        return before(subject) if self.is_before else subject

    def commit(self) -> str:
        """Return the short name of its commit, with ``+`` if files were changed since."""
        name = _git(self.root, "rev-parse", "--short=10", "HEAD")
        # A page that the benchmarks write says nothing about the code.
        changed = _git(self.root, "status", "--porcelain", "--untracked-files=no", "--", ":!docs")
        return f"{name}+" if changed else name


def this_checkout() -> Checkout:
    """Return the checkout that these benchmarks belong to, in the environment that runs them."""
    return Checkout(ROOT, Path(sys.executable))


@contextmanager
def other_checkout(against: str, work: Path) -> Iterator[Checkout]:
    """Provide the checkout to compare with: a folder with ``.venv``, or any git revision.

    For a revision a worktree and an environment are made below ``work``, with the libraries of the
    environment that runs the benchmarks, and removed afterwards.

    Raises:
        click.ClickException: there is no such folder or revision, or its environment has another
            checkout installed.
    """
    folder = Path(against)
    if folder.is_dir():
        yield _checked(folder.resolve())
        return
    worktree = work / "before"
    try:
        _git(ROOT, "worktree", "add", "--detach", str(worktree), against)
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"{against} is neither a folder nor a revision") from error
    try:
        _install(worktree, work / "libraries.txt")
        yield _checked(worktree)
    finally:
        _git(ROOT, "worktree", "remove", "--force", str(worktree))


def _checked(root: Path) -> Checkout:
    """Return the checkout; refuse it if a benchmark would measure another one in its name."""
    python = root / ".venv" / "bin" / "python"
    if not python.exists():
        raise click.ClickException(f"{root} has no environment: run make dev there")
    question = "import tandem_store; print(tandem_store.__file__)"
    asked = [str(python), "-c", question]
    imported = subprocess.run(asked, cwd="/", check=True, capture_output=True, text=True).stdout
    if not Path(imported.strip()).is_relative_to(root):
        raise click.ClickException(f"{python} imports {imported.strip()}: run make dev there")
    return Checkout(root, python, is_before=True)


def _install(root: Path, libraries: Path) -> None:
    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    freeze = [sys.executable, *pip, "freeze", "--exclude-editable"]
    libraries.write_bytes(subprocess.run(freeze, check=True, capture_output=True).stdout)
    subprocess.run([sys.executable, "-m", "venv", str(root / ".venv")], check=True)
    install = ("install", "--constraint", str(libraries), "--editable", f"{root}[postgres]")
    subprocess.run([str(root / ".venv" / "bin" / "python"), *pip, *install], check=True)


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
