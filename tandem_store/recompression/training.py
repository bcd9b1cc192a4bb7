"""Which dictionary documents are compressed with: trained, measured, chosen. Without SQL.

What was measured, and why these sizes and this level, is in ADR 0017.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tandem_store import dictionaries
from tandem_store.mapping.compression import compress, compressor_with
from tandem_store.zstd import ZstdDict, ZstdError, train_dict

#: A higher level takes five times as long for 5 % less; the one below takes as long as this one.
LEVEL: Final = 17
#: Bytes of the dictionaries that are tried, as long as a greater one saves more than it takes.
SIZES: Final = (112_640, 500_000, 1_000_000, 2_000_000, dictionaries.LARGEST)
#: A dictionary is made from a sample of so many times its size.
_SAMPLE: Final = 12
#: Bytes of the sample that the greatest dictionary is made from: what is worth reading.
LARGEST_SAMPLE: Final = _SAMPLE * SIZES[-1]
#: Bytes of a document that count, in a sample: what comes behind finds its like in the document.
_LONGEST: Final = 128 * 1024
#: One of so many documents of a sample is not trained with, but measured with.
_HELD_OUT: Final = 20
#: How many documents are measured with at most.
_MEASURED: Final = 150


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dictionary that may be chosen; ``packed`` is empty if the database has it already."""

    dictionary: ZstdDict
    packed: bytes = b""


class Sample:
    """Some documents of those that are to be compressed, which are ``runs`` in number."""

    def __init__(self, documents: Iterable[bytes], runs: int) -> None:
        shortened = [document[:_LONGEST] for document in documents]
        held_out = shortened[::_HELD_OUT]
        #: What is measured with, in steps through all months.
        self._measured = held_out[:: -(-len(held_out) // _MEASURED) or 1]
        del shortened[::_HELD_OUT]
        self._trained = shortened
        self._factor = runs / (len(self._measured) or 1)

    def best(self, stored: Iterable[ZstdDict], taken: set[int]) -> Candidate | None:
        """Return the dictionary that leaves the fewest bytes, counting those of a new dictionary.

        That is one of those ``stored``, or a new one, whose number is none of ``taken``. None if
        the documents are smallest without one.
        """
        least = self._factor * sum(len(compress(document)) for document in self._measured)
        best: Candidate | None = None
        for candidate in map(Candidate, stored):
            if (size := self._size(candidate)) < least:
                best, least = candidate, size
        # Only as long as more is saved: each size takes some seconds to train and to measure.
        for candidate in self._new():
            if (size := self._size(candidate)) >= least or candidate.dictionary.dict_id in taken:
                break
            best, least = candidate, size
        return best

    def _size(self, candidate: Candidate) -> float:
        compress = compressor_with(candidate.dictionary, LEVEL)
        measured = sum(len(compress(document)) for document in self._measured)
        return len(candidate.packed) + self._factor * measured

    def _new(self) -> Iterator[Candidate]:
        total = sum(map(len, self._trained))
        for size in SIZES:
            if size > SIZES[0] and _SAMPLE * size > total:
                return
            try:
                # Evenly through all months, as their documents stand one behind the other.
                step = max(1, total // (_SAMPLE * size))
                dictionary = train_dict(_few(self._trained, step), size)
            except ZstdError:
                return  # There are too few documents to make one from.
            yield Candidate(dictionary, dictionaries.packed(dictionary))


def _few(documents: Sequence[bytes], step: int) -> Sequence[bytes]:
    return documents[::step]
