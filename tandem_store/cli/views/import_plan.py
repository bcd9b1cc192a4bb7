"""What an import is about to read, told before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.text import counted, number, size
from tandem_store.importer import ImportPlan
from tandem_store.importer.source.kinds import Source

#: Free space is spoken of only if what the import may need is more than this share of it.
_WORTH_A_WORD: Final = 0.1


def note(plan: ImportPlan) -> None:
    """The plan on stderr."""
    for line in _lines(plan):
        output.note(line)


def _lines(plan: ImportPlan) -> Iterator[str]:
    found = [
        f"{source.value} {counted(count, 'file')} ({size(plan.bytes[source])})"
        for source in Source
        if (count := plan.files.get(source))
    ]
    yield f"Found in {plan.root}: {', '.join(found) or 'nothing to read'}."
    if plan.strays:
        yield f"Besides: {counted(plan.strays, 'other file')}, which cannot hold runs."
    if plan.not_read:
        yield f"Cannot be read, or lead out of it (files or folders): {number(plan.not_read)}."
    made = "a new database" if plan.is_new else "the existing database"
    yield f"Into {made} {plan.target}."
    yield from _space(plan)
    yield "Stop the engine before you import. The source is only read."


def _space(plan: ImportPlan) -> Iterator[str]:
    if plan.free is None or plan.needed <= plan.free * _WORTH_A_WORD:
        return
    yield f"Needs up to {size(plan.needed)} of disk; {size(plan.free)} are free."
    if plan.free < plan.needed:
        yield "The disk may be too small. If it fills up, nothing that was stored is lost."
