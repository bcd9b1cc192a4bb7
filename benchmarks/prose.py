"""Varied text that compresses about as well as what agents write."""

from __future__ import annotations

import random
from typing import Final

_SYLLABLES: Final = ("ka", "lo", "mi", "ter", "ran", "su", "ve", "do", "pli", "nor", "esh", "tal")
_LENGTH: Final = 1_000_000


class Prose:
    """One long text made from a seed, handed out in slices."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        words = ["".join(rng.choices(_SYLLABLES, k=rng.choice((1, 2, 2, 3)))) for _ in range(3_000)]
        words += ["café", "naïve", "“quoted”", "€272", "a\\b", "\n\n- ", "\ttab"]
        # Frequency falls with rank, as in language; a flat choice would hardly compress.
        weights = [1 / (rank + 3) for rank in range(len(words))]
        chosen = rng.choices(words, weights, k=_LENGTH // 5)
        self._text = " ".join(f"{word}." if rng.random() < 0.08 else word for word in chosen)

    def take(self, least: int, most: int) -> str:
        """A slice of ``least`` to ``most`` characters, from anywhere in the text."""
        length = self._rng.randint(least, most)
        start = self._rng.randrange(len(self._text) - most)
        return self._text[start : start + length]

    def hex(self, digits: int) -> str:
        """Random lower-case hexadecimal digits, as ids and digests have."""
        return f"{self._rng.getrandbits(4 * digits):0{digits}x}"
