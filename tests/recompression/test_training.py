"""The dictionary that leaves the fewest bytes is chosen, its own among them. Without a database."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha512

from tandem_store.recompression.training import SIZES, Sample
from tandem_store.zstd import ZstdDict, train_dict
from tests.recompression.months import JANUARY, run_of

ALL = Fraction(1)
DOCUMENTS = [str(run_of(JANUARY, number).to_legacy()).encode() for number in range(60)]
FITTING = train_dict(DOCUMENTS, 20_000)
#: Knows nothing of the documents.
USELESS = train_dict([b"\x00\x01%d" % (number * number) for number in range(999)], 2_000)


def numbers(*dictionaries: ZstdDict) -> set[int]:
    """What the database has."""
    return {one.dict_id for one in dictionaries}


def test_a_new_dictionary_pays_for_many_documents() -> None:
    """The sample stands for a thousand times as many documents as it has."""
    chosen = Sample(DOCUMENTS, Fraction(1, 1_000)).best([USELESS], numbers(USELESS))

    assert chosen is not None
    assert chosen.content
    assert len(chosen.dictionary.dict_content) <= SIZES[0]


def test_one_that_is_there_costs_nothing() -> None:
    """For few documents it is better than a new one that would fit as well."""
    chosen = Sample(DOCUMENTS[:9], ALL).best([USELESS, FITTING], numbers(USELESS, FITTING))

    assert chosen is not None
    assert (chosen.dictionary, chosen.content) == (FITTING, b"")


def test_none_is_chosen_where_none_saves_anything() -> None:
    """For one document, or for documents of which nothing can be learnt."""
    assert Sample(DOCUMENTS[:1], ALL).best([], set()) is None
    assert Sample([], ALL).best([FITTING], numbers(FITTING)) is None
    random = [sha512(one).digest() for one in DOCUMENTS]
    assert Sample(random, ALL).best([USELESS], numbers(USELESS)) is None


def test_a_number_that_is_taken_is_not_used_again() -> None:
    """zstd makes numbers from contents, so two dictionaries could have the same."""
    sample = Sample(DOCUMENTS, Fraction(1, 1_000))
    new = sample.best([], set())
    assert new is not None

    assert sample.best([], {new.dictionary.dict_id}) is None


def test_long_documents_count_by_their_beginning() -> None:
    """So that a sample of large documents is not larger than memory."""
    long = [one + b"x" * 50_000_000 for one in DOCUMENTS[:3]]

    sample = Sample(iter(long), ALL)

    assert sum(len(one) for one, _ in sample._measured) < 3 * 200_000
