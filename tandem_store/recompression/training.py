"""Which dictionary documents are compressed with: trained, measured, chosen. Without SQL.

What was measured, and why these sizes and this level, is in ADR 0017.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Final

from tandem_store import dictionaries
from tandem_store.mapping.compression import LARGEST_DICTIONARY, compress_run, compressor_with
from tandem_store.zstd import ZstdDict, ZstdError, train_dict

#: A higher level takes five times as long for 5 % less, and 16 as long as this one.
LEVEL: Final = 17
#: Bytes of the dictionaries that are tried, for as long as a greater one saves more than it takes.
SIZES: Final = (112_640, 500_000, 1_000_000, 2_000_000, LARGEST_DICTIONARY)
#: Bytes of the compressed documents that a sample has, which are about 60 MB when they are read.
SAMPLE: Final = 16_000_000
#: A dictionary is made from at least so many times its size; from less it learns too little.
_LEAST: Final = 12
#: Bytes of a document that count, in a sample: what comes behind finds its like in the document.
_LONGEST: Final = 128 * 1024
#: One of so many documents of a sample is not trained with, but measured with.
_HELD_OUT: Final = 20
#: How many documents of either kind are measured with, at most.
_MEASURED: Final = 75


@dataclass(frozen=True, slots=True)
class Candidate:
    """A dictionary that may be chosen; ``content`` is empty if the database has it already."""

    dictionary: ZstdDict
    content: bytes = b""


class Sample:
    """Documents that stand for all that are to be compressed, of which they are a ``part``."""

    def __init__(self, documents: Iterable[bytes], part: Fraction) -> None:
        self._trained = [document[:_LONGEST] for document in documents]
        held_out = self._trained[::_HELD_OUT]
        runs = len(self._trained) / float(part)
        del self._trained[::_HELD_OUT]
        #: What is measured with, and for how many documents each stands: dictionaries know by heart
        #: what they were trained with, and if the sample is large, that is much of all.
        self._measured = [
            *_weighed(held_out, runs - len(self._trained)),
            *_weighed(self._trained, len(self._trained)),
        ]

    def best(self, stored: Iterable[ZstdDict], taken: set[int]) -> Candidate | None:
        """Return the dictionary that leaves the fewest bytes, counting those of a new dictionary.

        That is one of those ``stored``, or a new one whose number is not ``taken``. None if the
        documents are smallest without one.
        """
        least = sum(weight * len(compress_run(document)) for document, weight in self._measured)
        best: Candidate | None = None
        for candidate, size in chain(self._sized(map(Candidate, stored)), self._new(taken)):
            if size < least:
                best, least = candidate, size
        return best

    def _sized(self, candidates: Iterable[Candidate]) -> Iterator[tuple[Candidate, float]]:
        return ((candidate, self._size(candidate)) for candidate in candidates)

    def _size(self, candidate: Candidate) -> float:
        compress_with_it = compressor_with(candidate.dictionary, LEVEL)
        measured = (weight * len(compress_with_it(document)) for document, weight in self._measured)
        return len(candidate.content) + sum(measured)

    def _new(self, taken: set[int]) -> Iterator[tuple[Candidate, float]]:
        """Yield new dictionaries and what they leave, until a greater one is not worth it."""
        least = float("inf")
        for candidate, size in self._sized(self._trained_dictionaries()):
            if size >= least or candidate.dictionary.dict_id in taken:
                return
            least = size
            yield candidate, size

    def _trained_dictionaries(self) -> Iterator[Candidate]:
        total = sum(map(len, self._trained))
        for size in SIZES:
            if size > SIZES[0] and _LEAST * size > total:
                return
            # As much as it needs, evenly through all months, which stand one behind the other.
            step = max(1, total // (2 * _LEAST * size))
            try:
                dictionary = train_dict(self._trained[::step], size)
            except (ValueError, ZstdError):
                return  # There are too few documents to make one from.
            yield Candidate(dictionary, dictionaries.compressed(dictionary))


def _weighed(documents: Sequence[bytes], runs: float) -> Iterator[tuple[bytes, float]]:
    """Yield some of the documents, and the number of runs that each of them stands for."""
    chosen = documents[:: -(-len(documents) // _MEASURED) or 1]
    return ((document, runs / len(chosen)) for document in chosen)
