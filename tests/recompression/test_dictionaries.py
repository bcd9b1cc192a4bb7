"""A dictionary is stored once and read once, and what is wrong with it is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, event, update

from tandem_store import NotAStoreError, dictionaries, open_store, tables
from tandem_store.doctor import examine
from tandem_store.mapping import decompress
from tandem_store.mapping.compression import WITH_DICTIONARY, compressor_with, dictionary_number
from tandem_store.recompression import compact_months
from tandem_store.recompression.training import LEVEL
from tandem_store.zstd import ZstdDict, train_dict
from tests.recompression.months import JANUARY, dictionaries_of
from tests.support.program import command
from tests.support.tampering import tampering

#: Trained on something else than what the tests compress.
DICTIONARY = train_dict([b'{"status":"completed","number":%d}' % n for n in range(999)], 9_000)
OTHER = train_dict([b"quite another text, number %d of it" % (n * n) for n in range(999)], 9_000)


@given(
    document=st.binary(max_size=3_000) | st.text().map(str.encode),
    dictionary=st.sampled_from([DICTIONARY, OTHER])
    | st.binary(min_size=8, max_size=500).map(lambda content: ZstdDict(content, is_raw=True)),
    level=st.sampled_from([1, 3, LEVEL]),
)
def test_any_document_comes_back_with_any_dictionary(
    document: bytes, dictionary: ZstdDict, level: int
) -> None:
    """Also with one that does not fit at all."""
    blob = compressor_with(dictionary, level)(document)

    assert dictionary_number(blob) == dictionary.dict_id
    assert decompress(blob, WITH_DICTIONARY, find_dictionary=lambda _: dictionary) == document


def test_another_dictionary_is_noticed() -> None:
    """And none at all."""
    blob = compressor_with(DICTIONARY, 3)(b"document" * 9)

    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(blob, WITH_DICTIONARY, find_dictionary=lambda _: OTHER)
    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(blob, "zstd")
    with pytest.raises(NotAStoreError, match="unknown encoding 'zstd-dict'"):
        decompress(blob, WITH_DICTIONARY)
    with pytest.raises(NotAStoreError, match="damaged"):
        decompress(b"no frame", WITH_DICTIONARY, find_dictionary=lambda _: OTHER)


def remove(connection: Any) -> None:
    """The dictionary is gone."""
    connection.execute(delete(tables.dictionaries))


def change(connection: Any) -> None:
    """Its bytes are others."""
    connection.execute(update(tables.dictionaries).values(content=dictionaries.compressed(OTHER)))


def cut(connection: Any) -> None:
    """It ends too early."""
    connection.execute(update(tables.dictionaries).values(content=b"\x28\xb5\x2f\xfd"))


def renumber(connection: Any) -> None:
    """It has the number of another one."""
    connection.execute(update(tables.dictionaries).values(id=7))
    connection.execute(update(tables.month_dictionaries).values(dictionary_id=7))


@pytest.mark.parametrize("damage", [remove, change, cut])
def test_a_missing_or_damaged_dictionary_is_found(
    over_url: str, damage: Callable[[Any], None]
) -> None:
    """By whoever reads, and by ``doctor`` without reading documents; both say what helps."""
    compact_months(over_url)
    (number,) = dictionaries_of(over_url)[0]
    with tampering(over_url, references=False) as connection:
        damage(connection)

    with open_store(over_url) as store, store.read() as tx:
        with pytest.raises(NotAStoreError, match=f"dictionary {number}.*Restore the database"):
            tx.runs.get("2020-01-01")
    (finding,) = [one for one in examine(over_url).findings if one.severity == "error"]
    assert finding.code == "dictionary_damaged"
    assert str(number) in finding.what
    assert finding.what.endswith("without it: 2020-01, 2020-02.")
    assert finding.command is not None
    assert "restore" in finding.command


def test_a_dictionary_with_another_number_is_damage(over_url: str) -> None:
    """Its frames would not find it."""
    compact_months(over_url)
    with tampering(over_url, references=False) as connection:
        renumber(connection)

    codes = [one.code for one in examine(over_url).findings if one.severity == "error"]

    assert codes == ["dictionary_damaged"]


def test_a_dictionary_is_read_once(over_url: str) -> None:
    """By all connections together, as reading it takes longer than reading a run."""
    compact_months(over_url)
    asked: list[str] = []
    with open_store(over_url) as store:
        with store.read() as tx:
            event.listen(
                tx.connection.engine,
                "before_cursor_execute",
                lambda _c, _u, statement, *_: asked.append(statement),
            )
        for number in range(20):
            with store.read() as tx:
                assert tx.runs.get(f"2020-01-{number:02}") is not None

    assert sum("FROM dictionaries" in statement for statement in asked) == 1


def test_only_a_few_dictionaries_are_kept(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes memory; one that was dropped is read again."""
    monkeypatch.setattr(dictionaries, "_KEPT", 1)
    with open_store(store_url) as store:
        with store.begin() as tx:
            for one in (DICTIONARY, OTHER):
                dictionaries.list_for_month(
                    tx.connection, JANUARY, one, dictionaries.compressed(one)
                )
        with store.read() as tx:
            find = dictionaries.finder(tx.connection)
            first = find(DICTIONARY.dict_id)
            assert find(DICTIONARY.dict_id) is first
            assert find(OTHER.dict_id).dict_id == OTHER.dict_id
            again = find(DICTIONARY.dict_id)
    assert again is not first
    assert again.dict_content == first.dict_content


def test_the_command_names_the_month_and_the_dictionary(over_url: str) -> None:
    """As an operator meets it."""
    compact_months(over_url)
    with tampering(over_url, references=False) as connection:
        remove(connection)

    done = command("--db", over_url, "runs", "show", "2020-01-01")

    assert done.exit_code == 1
    assert "2020-01" in done.stderr
    assert "is missing" in done.stderr
