"""The pages of the documentation, and the code, the commands and the output in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.support import REPOSITORY

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"


def all_pages() -> list[Path]:
    """Every page that people read, in the order of their paths."""
    top = [README, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"]
    return [*top, REPOSITORY / "examples" / "README.md", *sorted(DOCS.rglob("*.md"))]


def snippets(page: Path) -> list[str]:
    """The Python code of a page, block by block."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def commands(page: Path, beginning: str = "tandem-store ") -> list[str]:
    """The lines of a page that a reader types, without their comments."""
    pattern = rf"^    ({re.escape(beginning)}.*?)(?:  +#.*)?$"
    return re.findall(pattern, page.read_text(), re.MULTILINE)


def words(command: str) -> list[str]:
    """What a command says to the program, as the shell would hand it over."""
    program, *rest = shlex.split(command)
    assert program == "tandem-store"
    return rest
