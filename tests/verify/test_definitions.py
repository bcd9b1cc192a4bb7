"""Definitions are held against the store as runs are."""

from __future__ import annotations

from sqlalchemy import delete

from tandem_store import open_store, tables
from tandem_store.records import AutomationSpec
from tandem_store.verify import Verdict, VerifyReport, verify_state
from tests.support.importing import imported
from tests.support.state_directories import StateDir, definition


def told(report: VerifyReport) -> list[tuple[str | None, str]]:
    """Each difference as its definition and what it is."""
    return [(one.automation_id, one.what) for one in report.differences]


def put_in_store(url: str, **fields: object) -> None:
    """Store the definition ``kept`` with other fields, as a service does."""
    with open_store(url) as store, store.begin() as tx:
        tx.automations.put(AutomationSpec.model_validate(definition("kept", **fields)))


def test_definitions_that_were_imported_are_the_same(clean: StateDir, url: str) -> None:
    """They are counted apart from the copies of runs."""
    imported(url, clean.root)

    report = verify_state(url, clean.root)

    assert report.definitions == {Verdict.SAME: 1}
    assert (report.checked, report.differences) == (2, [])


def test_a_definition_that_the_store_lacks_is_a_difference(clean: StateDir, url: str) -> None:
    """Somebody deleted it; the source is the only place that has it."""
    imported(url, clean.root)
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(delete(tables.automations))

    assert told(verify_state(url, clean.root)) == [("kept", "definition missing in the store")]


def test_a_definition_that_came_later_is_a_difference(clean: StateDir, url: str) -> None:
    """No import has seen it."""
    imported(url, clean.root)
    clean.definition(definition("late"))

    assert told(verify_state(url, clean.root)) == [("late", "definition missing in the store")]


def test_a_definition_that_is_gone_from_the_source_is_a_difference(
    clean: StateDir, url: str
) -> None:
    """The store still has what the engine has not."""
    imported(url, clean.root)
    (clean.data / "automations-v2/kept.json").unlink()

    (difference,) = verify_state(url, clean.root).differences

    assert difference.path == "data/automations-v2/kept.json"
    assert difference.what == "definition gone from the source since the import"


def test_an_older_definition_in_the_store_is_a_difference(clean: StateDir, url: str) -> None:
    """The next import would replace it, so the source has what the store has not."""
    imported(url, clean.root)
    clean.definition(definition("kept", updated_at_ms=1_001))

    differences = told(verify_state(url, clean.root))

    assert differences == [("kept", "definition older in the store: updated_at_ms")]


def test_another_content_of_the_same_time_is_a_difference(clean: StateDir, url: str) -> None:
    """Whichever of the two would win: no service changes one without giving it a new time."""
    imported(url, clean.root)

    for name in ("Aaa", "Zzz"):
        put_in_store(url, updated_at_ms=1_000, name=name)

        differences = told(verify_state(url, clean.root))
        assert differences == [("kept", "definition different in the store: name")]


def test_a_definition_that_a_service_updated_is_newer(clean: StateDir, url: str) -> None:
    """So is one that has fired since."""
    imported(url, clean.root)

    for fields in ({"updated_at_ms": 1_000, "last_fired_at_ms": 5}, {"updated_at_ms": 1_001}):
        put_in_store(url, **fields)

        report = verify_state(url, clean.root)
        assert (report.newer_in_store, report.differences) == (1, [])


def test_an_older_file_of_the_same_definition_is_superseded(clean: StateDir, url: str) -> None:
    """Also if only its bytes decide, as they do in the import."""
    for number, fields in enumerate(
        ({"updated_at_ms": 999}, {"updated_at_ms": 1_000, "name": "!"})
    ):
        clean.write(f"data/automations-v2/other{number}.json", definition("kept", **fields))
    imported(url, clean.root)

    report = verify_state(url, clean.root)

    assert report.definitions == {Verdict.SAME: 1, Verdict.SUPERSEDED: 2}
    assert report.differences == []


def test_a_damaged_definition_waits_in_quarantine(clean: StateDir, url: str) -> None:
    """Until it is discarded; one that is not there is a difference."""
    clean.write("data/automations-v2/bad.json", b'{"automation_id": "bad"')
    imported(url, clean.root)
    report = verify_state(url, clean.root)
    assert (report.quarantined, report.differences) == (1, [])

    with open_store(url) as store, store.begin() as tx:
        tx.quarantine.discard([item.id for item in tx.quarantine.list()], now_ms=1)
    report = verify_state(url, clean.root)
    assert (report.quarantined, report.definitions[Verdict.DISCARDED]) == (0, 1)

    clean.write("data/automations-v2/bad.json", b'{"automation_id": "worse"')
    (difference,) = verify_state(url, clean.root).differences
    assert difference.path == "data/automations-v2/bad.json"
    assert "definition not imported" in difference.what
