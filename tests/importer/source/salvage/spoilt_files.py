"""Hot files in every layout with one entry damaged, and what the importer reads from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from tandem_store.importer.copies import Copy
from tandem_store.importer.file_snapshot import FileSnapshot
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.splitting import cut
from tandem_store.importer.worker_pool import perform
from tests.support.legacy_runs import Json, full_run

#: Ids of runs: as the engine makes them, and such as are hard to tell from the text around them.
IDS: Final = ("run-1", "b{", 'c"q', "d\\", "é{}", ", ", ":{", "run_id", "", "a/b", "run-2", "\n")
#: The id of a run that lies in an output of another, which is no run of the file.
WITHIN: Final = "within"


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A file with one damaged entry: ``whole`` are the bytes of the others by their ids."""

    data: bytes
    whole: dict[str, bytes]
    victim: str


def _text(**options: Any) -> Callable[[Json], str]:
    return lambda document: json.dumps(document, **options)


def _version_first(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _sorted_entries(document: Json, **options: Any) -> str:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, **options)


#: Ways to write the same file; the engine's own is the first.
LAYOUTS: Final[dict[str, Callable[[Json], str]]] = {
    "engine": _version_first,
    "minified": _text(separators=(",", ":"), ensure_ascii=False),
    "spaced": _text(),
    "sorted": lambda document: _sorted_entries(document, indent=2),
    "sorted minified": lambda document: _sorted_entries(document, separators=(",", ":")),
    "four spaces": _text(indent=4),
    "tabs": _text(indent="\t"),
    "flat": _text(indent=0),
    "crlf": lambda document: _version_first(document).replace("\n", "\r\n"),
    "version 0": lambda document: _version_first(document["runs"]),
    "version 0 minified": lambda document: json.dumps(document["runs"], separators=(",", ":")),
}


def spoilt_file(layout: str, random: Random, *, entries: int = 6) -> Spoilt:
    """A file of runs in a layout, one of them damaged in one place."""
    ids = random.sample(IDS, entries)
    runs = {run_id: _run(run_id, random) for run_id in ids}
    text = LAYOUTS[layout]({"schema_version": 1, "runs": runs})
    data = text.encode()
    spans = _spans(data, ids, layout)
    victim = random.choice(ids)
    start, stop = spans[victim]
    inside = data[start:stop]
    damaged = random.choice(_DAMAGES)(inside, random)
    whole = {run_id: data[slice(*spans[run_id])] for run_id in ids if run_id != victim}
    return Spoilt(data[:start] + damaged + data[stop:], whole, victim)


def copies_in(data: bytes) -> list[Copy]:
    """The copies that the importer finds in a hot file."""
    file = SourceFile(Source.HOT, Layout.RUNS, "data/automation_v2_runs.json", len(data), 0)
    tasks = cut(file, FileSnapshot(data, len(data), 0), after=-1)
    return [copy for task in tasks for one in perform(Path(), task) for copy in one.copies]


def lost(file: Spoilt) -> list[str]:
    """The ids of whole entries that were not found byte for byte."""
    found = [
        file.data[copy.entry.start : copy.entry.stop]
        for copy in copies_in(file.data)
        if copy.entry.start is not None and copy.entry.kind is not None and copy.rejected is None
    ]
    return [run_id for run_id, entry in file.whole.items() if found.count(entry) != 1]


def invented(file: Spoilt) -> list[str]:
    """The ids of runs that were found although the file has no such entry.

    What is left of the damaged entry stands under its key, whatever it is now.
    """
    copies = (copy for copy in copies_in(file.data) if copy.entry.key != file.victim)
    named = [copy.entry.run_id for copy in copies if copy.entry.kind is not None]
    return [one for one in named if one == WITHIN or named.count(one) > 1]


def _run(run_id: str, random: Random) -> Json:
    """A run whose outputs hold braces, quotes and backslashes, and some of them another run."""
    within = full_run(WITHIN)
    texts = ['say "hi" {', "a\\", "}}]", json.dumps({WITHIN: within}), "plain, text", '","x":{"']
    outputs: Json = {
        "draft": {"text": random.choice(texts), "more": [random.choice(texts)]},
        "review": {"text": random.choice(texts)},
    }
    if random.random() < 0.3:
        outputs["review"]["runs"] = {WITHIN: within}
    record = full_run(run_id, detail=random.choice(texts))
    record["checkpoint"]["node_outputs"] = outputs
    return record


def _spans(data: bytes, ids: list[str], layout: str) -> dict[str, tuple[int, int]]:
    """Where each entry begins and ends, found by a parser that has nothing of the importer's."""
    text, decoder = data.decode(), json.JSONDecoder()
    inside = 0 if layout.startswith("version 0") else text.index('"runs"') + len('"runs"')
    at = text.index("{", inside) + 1
    spans = {}
    while len(spans) < len(ids):
        start = text.index('"', at)
        key, colon = decoder.raw_decode(text, start)
        _, at = decoder.raw_decode(text, text.index("{", colon))
        spans[key] = (len(text[:start].encode()), len(text[:at].encode()))
    return spans


def _flipped(entry: bytes, random: Random) -> bytes:
    at = random.randrange(len(entry))
    return entry[:at] + bytes([entry[at] ^ 1 << random.randrange(8)]) + entry[at + 1 :]


def _cut(entry: bytes, random: Random) -> bytes:
    start, stop = sorted(random.sample(range(len(entry) + 1), 2))
    return entry[:start] + entry[stop:]


def _cut_a_little(entry: bytes, random: Random) -> bytes:
    at = random.randrange(len(entry))
    return entry[:at] + entry[at + random.randint(1, 3) :]


def _inserted(entry: bytes, random: Random) -> bytes:
    at = random.randrange(len(entry) + 1)
    token = random.choice([b'"', b"{", b"}", b"[", b"]", b"\\", b",", b":", b'{"', b"}}", b"\n"])
    return entry[:at] + token + entry[at:]


def _overwritten(entry: bytes, random: Random) -> bytes:
    start, stop = sorted(random.sample(range(len(entry) + 1), 2))
    garbage = random.choice([bytes(stop - start), random.randbytes(stop - start)])
    return entry[:start] + garbage + entry[stop:]


_DAMAGES: Final = (_flipped, _cut, _cut_a_little, _inserted, _overwritten)
