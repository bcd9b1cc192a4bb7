"""The generated parts of the documentation are as they would be generated now."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise

import pytest

import tandem_store
from tests.docs.pages import DOCS
from tests.support import REPOSITORY
from tools.command_page import commands
from tools.module_map import PACKAGE, layers
from tools.pages import PAGES

ARCHITECTURE = (DOCS / "internals" / "architecture.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    """Nobody has to remember more than one command."""
    page = PAGES[name]

    assert page.current() == page.wanted(), f"{page.path} is out of date: run make docs"


def test_the_reference_has_every_command() -> None:
    """Each under a heading of its own."""
    text = (DOCS / "reference" / "cli.md").read_text()
    names = [name for name, _ in commands()]

    assert len(names) > 15
    assert [name for name in names if f"\n## {name}\n" not in text] == []


def test_the_reference_has_every_public_function_and_class() -> None:
    """Of the package itself."""
    text = (DOCS / "reference" / "api.md").read_text()
    public = [
        name
        for name in tandem_store.__all__
        if inspect.isclass(one := getattr(tandem_store, name)) or inspect.isfunction(one)
    ]

    assert len(public) > 30
    assert [name for name in public if f"\n### {name}\n" not in text] == []


def test_the_map_has_every_module() -> None:
    """With a first line that says what it is for."""
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.name != "__init__.py":
            assert f"\n| `{file.stem}` | " in ARCHITECTURE, file
        docstring = ast.get_docstring(ast.parse(file.read_text()))
        assert docstring, f"{file.relative_to(REPOSITORY)} does not say what it is for"


def test_the_picture_has_the_floors_in_their_order() -> None:
    """As the contract that is enforced has them."""
    picture = ARCHITECTURE.split("```text\n")[1].split("```")[0]
    drawn = [re.findall(r"[a-z_]+", line[:56]) for line in picture.splitlines()]
    line_of = {name: number for number, names in enumerate(drawn) for name in names}
    floors = [[line_of.get(name, -1) for name in floor] for floor in layers()[1:]]

    assert layers()[0] == ["__main__"]
    assert all(number >= 0 for floor in floors for number in floor), "a module is not drawn"
    for upper, lower in pairwise(floors):
        assert max(upper) <= min(lower)
