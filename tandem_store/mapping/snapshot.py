"""A definition snapshot as its row: addressed by content, shared by the runs that ran with it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tandem_store.legacy.json_text import canonical, dumps


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot without its volatile keys.

    ``digest`` is the SHA-256 of the JSON with sorted keys; ``document`` keeps the original order.
    """

    digest: bytes
    document: bytes

    @classmethod
    def of(cls, core: dict[str, Any]) -> Snapshot:
        """The row of a snapshot that ``lift`` has taken the volatile keys from."""
        return cls(sha256(canonical(core)).digest(), dumps(core))
