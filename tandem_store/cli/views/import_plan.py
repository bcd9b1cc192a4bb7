"""What an import is about to read, printed before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tandem_store.cli import output
from tandem_store.cli.views.values import counted, number, size
from tandem_store.importer import ImportPlan

#: The disk space is mentioned only if the import may need more than this share of it.
_WORTH_MENTIONING: Final = 0.1


def show(plan: ImportPlan) -> None:
    """Print the plan on stderr."""
    for line in _lines(plan):
        output.print_note(line)


def _lines(plan: ImportPlan) -> Iterator[str]:
    found = [
        f"{source.value} {counted(count, 'file')} ({size(plan.bytes[source])})"
        for source, count in sorted(plan.files.items(), key=lambda item: item[0].rank)
    ]
    yield f"Found in {plan.root}: {', '.join(found) or 'nothing to read'}."
    if plan.strays:
        yield f"Also found: {counted(plan.strays, 'other file')}, which cannot hold runs."
    if plan.not_read:
        yield f"Files and folders that cannot be read, or are outside: {number(plan.not_read)}."
    yield f"Importing into {'a new' if plan.is_new else 'the existing'} database {plan.target}."
    yield from _disk_space(plan)
    yield "Stop the engine before you import. The source is only read."


def _disk_space(plan: ImportPlan) -> Iterator[str]:
    if plan.free is None or plan.needed <= plan.free * _WORTH_MENTIONING:
        return
    yield f"This needs up to {size(plan.needed)} of disk space; {size(plan.free)} is free."
    if plan.free < plan.needed:
        yield "The disk may be too small. If it fills up, nothing that was stored is lost."
