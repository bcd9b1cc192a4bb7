"""What docs/importing.md lists is complete, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tandem_store.importer import ImportOptions, import_state
from tandem_store.importer.source.kinds import Source
from tandem_store.importer.source.spans import DamageKind
from tandem_store.ledger.outcomes import CopyOutcome
from tandem_store.verify import Cause
from tests.docs.pages import DOCS, snippets
from tests.support import REPOSITORY

_PAGE = DOCS / "importing.md"


def _in_first_column(section: str) -> list[str]:
    """The names in the first column of the table of a section."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", _PAGE.read_text(), re.S | re.M)
    cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("What is read", [one.value for one in Source]),
        ("Copies and outcomes", [one.value for one in CopyOutcome]),
        ("Verify", [one.value for one in Cause]),
    ],
)
def test_a_table_is_complete(section: str, names: list[str]) -> None:
    """And in the order of the program."""
    assert _in_first_column(section) == names


def test_every_reason_of_the_quarantine_is_listed() -> None:
    """What is wrong with a range of bytes, and what a record is refused for."""
    listed = set(_in_first_column("Quarantine"))
    limits = (REPOSITORY / "tandem_store" / "mapping").glob("*.py")
    refused = {
        reason for path in limits for reason in re.findall(r'reason="(\w+)"', path.read_text())
    }

    assert len(refused) >= 5
    assert {one.value for one in DamageKind} | refused <= listed


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the example."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "state").symlink_to(REPOSITORY / "examples" / "state")
    (snippet,) = snippets(_PAGE)

    names: dict[str, object] = {}
    exec(snippet, names)

    again = import_state("runs.db", Path("state"), ImportOptions())
    assert again.to_json()["outcomes"]["unchanged"] == 134
