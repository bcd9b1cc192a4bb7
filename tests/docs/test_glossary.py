"""The glossary can be searched by eye: alphabetical, each term once, in a few sentences."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS

_TEXT = (DOCS / "glossary.md").read_text()
_TERMS = re.findall(r"^\*\*(.+?)\.\*\*", _TEXT, re.MULTILINE)


def test_the_terms_are_in_alphabetical_order() -> None:
    """Each is there once."""
    lowered = [term.lower() for term in _TERMS]

    assert len(lowered) > 40
    assert lowered == sorted(set(lowered))


def test_every_entry_is_short() -> None:
    """A definition is read in passing."""
    entries = _TEXT.split("\n\n")[2:]

    assert len(entries) == len(_TERMS)
    assert [entry for entry in entries if len(entry.split()) > 70] == []
