"""The findings of an examination, the most severe first."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from tandem_store.cli.suggested_commands import with_store
from tandem_store.cli.terminal import printable
from tandem_store.cli.views.values import counted, number, size
from tandem_store.doctor import Finding, Report, Severity

if TYPE_CHECKING:
    from rich.console import Console

#: The heading of each group, the mark of its findings, and the style of both.
_GROUPS: Final = {
    Severity.ERROR: ("Must be done", "✗", "bold red"),
    Severity.WARNING: ("Should be done", "!", "yellow"),
    Severity.INFO: ("Good to know", "·", "dim"),
}


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as a JSON object whose commands name the store."""
    document = report.to_json()
    findings = [
        one | {"command": one["command"] and with_store(one["command"])}
        for one in document["findings"]
    ]
    return document | {"findings": findings}


def show(report: Report) -> None:
    """Print the findings in three groups, the command that solves each, and a conclusion."""
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    _show_line(console, printable(_subject(report)))
    for severity, (heading, mark, style) in _GROUPS.items():
        if findings := report.of(severity):
            console.print()
            _show_line(console, f"{heading}:", style)
            for finding, following in zip_longest(findings, findings[1:]):
                _show_wrapped(console, finding.what, mark, style)
                # A command that solves several findings in a row is printed once.
                if finding.command and not _have_one_command(finding, following):
                    # On one line, however long it is, so that it can be copied.
                    command = printable(with_store(finding.command))
                    _show_line(console, f"      {command}", "bold")
    console.print()
    if report.not_checked:
        _show_wrapped(console, f"Not examined: {', '.join(report.not_checked)}.")
    _show_wrapped(console, _conclusion(report))


def _have_one_command(finding: Finding, following: Finding | None) -> bool:
    return following is not None and following.command == finding.command


def _show_wrapped(console: Console, words: str, mark: str = "", style: str = "") -> None:
    """Print a sentence broken between words, after a mark if there is one."""
    from rich.text import Text

    first = Text.assemble("  ", (mark, style), " ") if mark else Text()
    indent = Text(" " * len(first))
    for line in Text(printable(words)).wrap(console, max(console.width - len(first), 20)):
        line.rstrip()
        console.print(first + line, soft_wrap=True)
        first = indent


def _show_line(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style or None, markup=False, soft_wrap=True)


def _subject(report: Report) -> str:
    facts = [f"revision {report.revision}" if report.revision else "no revision"]
    if "bytes" in report.sizes:
        facts.append(size(report.sizes["bytes"]))
    if "runs" in report.checked:
        facts.append(counted(report.checked["runs"], "run"))
    if "documents" in report.checked:
        facts.append(f"{counted(report.checked['documents'], 'document')} read")
    return f"{report.database}: {', '.join(facts)}"


def _conclusion(report: Report) -> str:
    must, should = len(report.of(Severity.ERROR)), len(report.of(Severity.WARNING))
    if must:
        return f"{counted(must, 'thing')} must be done, marked with ✗."
    if should:
        return f"Nothing has to be done; {number(should)} should be, marked with !."
    return "Nothing has to be done."
