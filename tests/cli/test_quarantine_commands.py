"""The quarantine: looked into, tried again, thrown away on purpose only."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from click.testing import Result

from tandem_store import Store
from tandem_store.mapping import compress
from tests.cli.terminals import OnTerminal, without_style

Cli = Callable[..., Result]
RAW = b'"k": {\x1b[31m "run_id": \xff'


@pytest.fixture
def item(store: Store) -> int:
    """The number of one quarantined item, at a path that is not UTF-8."""
    row = {
        "id": 5,
        "path": "data/\udcff.json",
        "layout": "entry",
        "key": "k",
        "start": 2,
        "stop": 2 + len(RAW),
        "digest": sha256(RAW).digest(),
        "reason": "damaged",
        "message": "missing field `status`",
        "size": len(RAW),
        "encoding": "zstd",
        "raw": compress(RAW),
        "kept_in_source": False,
        "created_at_ms": 1,
    }
    with store.begin() as tx:
        tx.quarantine.add([row])
    return 5


def test_lists_what_where_and_why(cli: Cli, item: int) -> None:
    """Number, path, key, reason, message and size."""
    listed = json.loads(cli("quarantine", "list", "--json").stdout)["items"]

    assert len(listed) == 1
    assert {name: listed[0][name] for name in ("id", "key", "reason", "message", "bytes")} == {
        "id": item,
        "key": "k",
        "reason": "damaged",
        "message": "missing field `status`",
        "bytes": len(RAW),
    }
    assert "data/\\udcff.json" in cli("quarantine", "list").stdout


def test_shows_how_it_begins_and_gives_all_of_it(cli: Cli, item: int) -> None:
    """A preview that a terminal survives, and the bytes for those who ask."""
    preview = cli("quarantine", "show", str(item)).stdout

    assert "\\x1b[31m" in preview
    assert "\x1b" not in preview
    assert cli("quarantine", "show", str(item), "--raw").stdout_bytes == RAW


def test_discarding_asks_and_can_be_declined(cli: Cli, item: int, store: Store) -> None:
    """No is no, and so is no answer at all."""
    for answer in ("n\n", ""):
        done = cli("quarantine", "discard", str(item), input=answer)
        assert done.exit_code == 1
        assert "Nothing was changed" in done.stderr

    with store.read() as tx:
        assert tx.quarantine.count_undiscarded() == 1


def test_a_dry_run_discards_nothing(cli: Cli, item: int, store: Store) -> None:
    """It says what it would do, and does not ask."""
    done = cli("quarantine", "discard", "--all", "--dry-run", "--json")

    assert json.loads(done.stdout) == {"discarded": [item], "dry_run": True}
    with store.read() as tx:
        assert tx.quarantine.count_undiscarded() == 1


@pytest.mark.parametrize("how", [["--all", "--yes"], ["5", "5", "--yes"]])
def test_discarding_drops_the_bytes(cli: Cli, item: int, how: list[str]) -> None:
    """Afterwards the list is empty; the item itself can still be named."""
    done = cli("quarantine", "discard", *how, "--json")

    assert json.loads(done.stdout)["discarded"] == [item]
    assert json.loads(cli("quarantine", "list", "--json").stdout) == {"items": []}
    assert "discarded" in cli("quarantine", "show", str(item)).stdout
    assert cli("quarantine", "show", str(item), "--raw").exit_code == 1


@pytest.fixture
def forged(store: Store) -> int:
    """The number of an item whose path and key have line ends."""
    row = {"id": 6, "path": "a\nReason   none\x1b[1m.json", "layout": "entry", "key": "k\r\nSize 0"}
    row |= {"digest": bytes(32), "reason": "damaged", "message": "bad\nID 7", "size": 1}
    with store.begin() as tx:
        tx.quarantine.add([row | {"kept_in_source": False, "created_at_ms": 1}])
    return 6


def test_a_name_with_line_ends_forges_no_lines(cli: Cli, forged: int) -> None:
    """They are spelled out, wherever an item is shown."""
    shown = cli("quarantine", "show", str(forged)).stdout
    listed = cli("quarantine", "list").stdout
    planned = cli("quarantine", "discard", str(forged), "--dry-run").stderr

    assert "Path     a\\nReason   none\\x1b[1m.json\n" in shown
    assert "Key      k\\r\\nSize 0\n" in shown
    assert shown.count("\nReason") == 1
    assert len(listed.splitlines()) == 2
    assert len(planned.splitlines()) == 2


def test_a_terminal_shows_records_and_what_to_do(
    store_url: str, on_terminal: OnTerminal, item: int
) -> None:
    """Number, reason and size, the path, the entry, the sentence; then the commands."""
    shown = without_style(on_terminal("--db", store_url, "quarantine", "list"))

    assert shown.splitlines()[:4] == [
        f"5  damaged, {len(RAW)} bytes",
        "    data/\\udcff.json",
        "      entry k",
        "    missing field `status`",
    ]
    words = without_style(shown).partition("Delete the bytes of an item for good:")[2].split()
    assert words[-3:] == ["quarantine", "discard", "ID"]


def test_an_item_is_tried_and_counted_once(cli: Cli, item: int, store: Store) -> None:
    """A number that is named twice, also of one whose bytes are gone."""
    with store.begin() as tx:
        tx.quarantine.discard([item], now_ms=2)

    done = cli("quarantine", "retry", str(item), str(item))

    assert done.exit_code == 3
    assert done.stdout.count(f"{item}  already discarded") == 1
    assert done.stdout.endswith("Imported 0 items; 0 still in quarantine; 1 already discarded.\n")
