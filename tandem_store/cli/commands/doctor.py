"""``tandem-store doctor``: what is damaged, unsafe or waiting for somebody."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

import click

from tandem_store.cli import options, output
from tandem_store.cli.progress import progress_bar
from tandem_store.cli.suggested_commands import advised
from tandem_store.cli.views.text import counted, number, printable, size
from tandem_store.doctor import Finding, Report, Severity, examine

if TYPE_CHECKING:
    from rich.console import Console

#: The heading of each group, the mark of its findings, and how both look.
_GROUPS: Final = {
    Severity.ERROR: ("Must be done", "✗", "bold red"),
    Severity.WARNING: ("Should be done", "!", "yellow"),
    Severity.INFO: ("Good to know", "·", "dim"),
}


@click.command(short_help="Look for damage, unsafe settings and open tasks.")
@click.option("--deep", is_flag=True, help="Read and decode every document as well.")
@options.database
@options.as_json
@click.pass_context
def doctor(context: click.Context, url: str, deep: bool, as_json: bool) -> None:
    """Look for damage, unsafe settings and open tasks; changes nothing.

    Findings name the command that helps. Ends with exit code 1 if something must be done, and with
    0 if there are only warnings.
    """
    with progress_bar() as progress:
        report = examine(url, deep=deep, progress=progress)
    if as_json:
        output.put_json(_with_store(report.to_json()))
    else:
        _put(report)
    context.exit(report.exit_code)


def _with_store(report: dict[str, Any]) -> dict[str, Any]:
    """The report with commands that name the store."""
    findings = [
        one | {"command": one["command"] and advised(one["command"])} for one in report["findings"]
    ]
    return report | {"findings": findings}


def _put(report: Report) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    _line(console, printable(_subject(report)))
    for severity, (heading, mark, style) in _GROUPS.items():
        if findings := report.of(severity):
            console.print()
            _line(console, f"{heading}:", style)
            for finding, following in zip_longest(findings, findings[1:]):
                _put_finding(console, finding, mark, style)
                # What mends several in a row is said once.
                if finding.command and not (following and following.command == finding.command):
                    # In one line however long it is, so that it can be copied.
                    _line(console, f"      {printable(advised(finding.command))}", "bold")
    console.print()
    if report.not_checked:
        _put_words(console, f"Not examined: {', '.join(report.not_checked)}.")
    _put_words(console, _verdict(report))


def _put_finding(console: Console, finding: Finding, mark: str, style: str) -> None:
    from rich.text import Text

    first = Text.assemble("  ", (mark, style), " ")
    for line in Text(printable(finding.what)).wrap(console, max(console.width - 4, 20)):
        line.rstrip()
        console.print(first + line, soft_wrap=True)
        first = Text("    ")


def _put_words(console: Console, text: str) -> None:
    from rich.text import Text

    for line in Text(printable(text)).wrap(console, console.width):
        line.rstrip()
        console.print(line, soft_wrap=True)


def _line(console: Console, text: str, style: str = "") -> None:
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


def _verdict(report: Report) -> str:
    must, should = len(report.of(Severity.ERROR)), len(report.of(Severity.WARNING))
    if must:
        return f"{counted(must, 'thing')} must be done, marked with ✗."
    if should:
        return f"Nothing has to be done; {number(should)} should be, marked with !."
    return "Nothing has to be done."
