"""What is generated: parts of pages between two comments, and one file as a whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem_store.database import new_file
from tools.api_page import api_page
from tools.command_page import command_page
from tools.module_map import module_map
from tools.new_file import new_file_script
from tools.schema_page import schema_page

DOCS: Final = Path(__file__).parents[1] / "docs"


@dataclass(frozen=True, slots=True)
class GeneratedPage:
    """A page with one generated part, between two comments; the rest is written by hand."""

    path: Path
    part: str
    make: Callable[[], str]

    def current(self) -> str:
        """Return the page as it is."""
        return self.path.read_text()

    def wanted(self) -> str:
        """Return the page as it would be if its part were generated now.

        Raises ``ValueError`` if the comments are not there.
        """
        begin, end = f"<!-- generated: {self.part} -->", f"<!-- end: {self.part} -->"
        pattern = re.compile(f"(?<={re.escape(begin)}\n).*?(?={re.escape(end)})", re.DOTALL)
        page, count = pattern.subn(lambda _: f"\n{self.make()}\n", self.current())
        if count != 1:
            raise ValueError(f"{self.path} needs the lines {begin} and {end}, once")
        return page

    def write(self) -> None:
        """Bring the page up to date."""
        self.path.write_text(self.wanted())


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file that is generated as a whole."""

    path: Path
    make: Callable[[], str]

    def current(self) -> str:
        """Return the file as it is."""
        return self.path.read_text()

    def wanted(self) -> str:
        """Return the file as it would be if it were generated now."""
        return self.make()

    def write(self) -> None:
        """Bring the file up to date."""
        self.path.write_text(self.wanted())


PAGES: Final[dict[str, GeneratedPage | GeneratedFile]] = {
    "cli": GeneratedPage(DOCS / "reference/cli.md", "commands", command_page),
    "api": GeneratedPage(DOCS / "reference/api.md", "api", api_page),
    "schema": GeneratedPage(DOCS / "reference/schema.md", "tables", schema_page),
    "new_file": GeneratedFile(DOCS.parent / "migrations" / new_file.SCRIPT, new_file_script),
    "map": GeneratedPage(DOCS / "internals/architecture.md", "map", module_map),
}
