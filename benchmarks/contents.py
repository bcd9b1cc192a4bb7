"""What a database holds, in one form for every way to fill it.

Only the standard library and orjson: it runs in the environment of the peers, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import orjson


class Contents(NamedTuple):
    """How many runs there are, and one digest of all of them."""

    runs: int
    digest: str


def contents_of(records: Iterable[dict[str, Any]]) -> Contents:
    """Return the contents of runs in any order; the order of keys makes no difference either."""
    digests = sorted(
        (record["run_id"], sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).digest())
        for record in records
    )
    whole = sha256()
    for _, digest in digests:
        whole.update(digest)
    return Contents(len(digests), whole.hexdigest())
