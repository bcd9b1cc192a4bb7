"""Every link in the documentation leads somewhere: to a file, and to a heading if it names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, README, all_pages
from tests.support import REPOSITORY

_LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to, as GitHub makes them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.M
    )
    made: set[str] = set()
    for heading in headings:
        name = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        again = sum(one == name or one.startswith(f"{name}-") for one in made)
        made.add(f"{name}-{again}" if name in made else name)
    return made


def links(page: Path) -> list[str]:
    """Where the links of a page lead, without those to other hosts."""
    return [one for one in _LINK.findall(page.read_text()) if "://" not in one]


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and to one of its headings."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: there is no such file"
        assert target.is_relative_to(REPOSITORY), f"{link}: outside of the repository"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def test_every_page_can_be_reached() -> None:
    """From the README, by links."""
    reached: set[Path] = set()
    waiting = [README]
    while waiting:
        page = waiting.pop()
        if page not in reached and page.suffix == ".md":
            reached.add(page)
            paths = (link.partition("#")[0] for link in links(page))
            waiting += [(page.parent / path).resolve() for path in paths if path]

    assert {page for page in DOCS.rglob("*.md") if page not in reached} == set()
