"""The page that is made of results: ``docs/benchmarks.md``."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Final

from benchmarks.markdown import NOTHING, megabytes, number, table
from benchmarks.peers import ENGINE, LOADERS, SERVERS
from benchmarks.results import Results
from benchmarks.sizes import are_full
from benchmarks.suites import (
    copying,
    databases,
    hot_file,
    importing,
    salvaging,
    serving,
    starts,
)
from benchmarks.targets import HEADLINES, OTHERS, target_table

#: Every suite by the name that ``--suite`` takes, in the order of the page.
SUITES: Final[dict[str, ModuleType]] = {
    "importing": importing,
    "hot-file": hot_file,
    "databases": databases,
    "serving": serving,
    "starts": starts,
    "copying": copying,
    "salvaging": salvaging,
}

_INTRODUCTION: Final = """\
# Benchmarks

What tandem_store costs, beside the least that plain Python can do and beside what people would use
instead. `make bench` measured everything on this page in one run and wrote it.
[Measuring](internals/measuring.md) says how, and how to measure a change."""
_SMALL: Final = """\
**This page comes from a small or partial run.** It shows what is measured; do not quote its
figures. `make bench` measures everything at full size."""
_RATIOS: Final = """\
Ratios are comparable between machines, times are not. A ratio is the median of the ratios of turns
that followed each other; a time is a median, and a pair of times is p50 / p99."""
_ABOUT: Final = {
    "importing": "Each way is a command in a process of its own, from start to exit, into a new "
    "file. All of them have stored the same runs. *Anonymous* is the memory that no file backs.",
    "hot-file": "The whole command, in a new file.",
    "databases": "The same shards into a store whose tables were made before. Memory and CPU are "
    "those of the importing processes, not of the server. Every dump has the same bytes.",
    "serving": "Milliseconds, p50 / p99, each call in a transaction of its own through the public "
    "API, on runs chosen at random. CPU is that of the calling process. *Update, first of a run* "
    "moves the document into the present month.",
    "starts": "Milliseconds of CPU from the start of Python to its exit, with compiled modules. "
    "The small store has the runs of `examples/state`.",
    "copying": "The whole command: start, migration of the target, copying, and comparing both.",
    "salvaging": "Milliseconds of CPU. One damaged file of each kind and size is cut into entries, "
    "and then salvaged from beginning to end. Twice the size must take about twice the time.",
}


def is_complete(results: Results) -> bool:
    """Return whether everything was measured, at full size, beside everyone from PyPI."""
    setting = results.setting
    packages = {peer.package for peer in (*LOADERS, *SERVERS) if peer.package}
    return (
        are_full(setting["sizes"])
        and set(setting["suites"]) == set(SUITES)
        and packages <= set(setting["versions"])
    )


def render(results: Results) -> str:
    """Return the page of these results; a suite that was left out has no section."""
    parts = [_INTRODUCTION]
    if not is_complete(results):
        parts.append(_SMALL)
    parts += [
        _setting(results.setting),
        "## Ten figures",
        target_table(results, HEADLINES),
        "## The other targets",
        target_table(results, OTHERS),
        _RATIOS,
    ]
    for name in results.setting["suites"]:
        suite = SUITES[name]
        parts += [f"## {suite.TITLE}", _ABOUT[name], suite.section(results)]
    return "\n\n".join(parts) + "\n"


def readme_table(results: Results) -> str:
    """Return the table of the README, of results that are complete."""
    shards, updates = results.cases(importing.CASES)[0], results.cases(serving.ENGINE_CASE)[0]
    runs, size = results.setting["sizes"]["shards"][0], _of(results, shards, importing.SHARDS)
    imported = importing.IMPORTS[2]
    seconds = number(results.median(shards, imported, "seconds"), 0)
    files, store = (
        number(results.median(updates, subject, "update, ms"), 0)
        for subject in (ENGINE.name, serving.SQLITE)
    )
    updated = updates.removeprefix(serving.ENGINE_CASE).removesuffix(" runs")
    head = f"[measured](docs/benchmarks.md) on {results.setting['cores']} cores"
    return table(
        [head, "JSON files", "tandem_store"],
        [
            [
                f"{runs:,} runs of {size / runs / 1e3:.0f} KB on disk",
                megabytes(size),
                megabytes(_of(results, shards, imported)),
            ],
            ["importing them, every record checked", NOTHING, f"{seconds} s"],
            [f"updating one run of {updated}", f"{files} ms", f"{store} ms"],
        ],
    )


def _of(results: Results, case: str, subject: str) -> float:
    return results.median(case, subject, "bytes") or 0


def _setting(setting: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    lines = [
        f"* {setting['date']}, commit {setting['commit']}"
        + (f", compared with {setting['before']} (*before*)" if setting["before"] else ""),
        f"* {setting['processor']}, {setting['cores']} cores, {setting['memory'] / 1e9:.0f} GB of "
        f"memory; {setting['system']}; load average at the start {setting['load']}",
        f"* {versions}",
        f"* sizes: {_sizes(setting['sizes'])}",
    ]
    return "\n".join(lines)


def _sizes(sizes: dict[str, Any]) -> str:
    stores = ", ".join(f"{runs:,} runs in {months} months" for runs, months in sizes["stores"])
    shards = ", ".join(f"{runs:,}" for runs in sizes["shards"])
    return (
        f"{shards} shards, {sizes['rounds']} turns; a hot file of {sizes['hot_bytes']:,} bytes; "
        f"stores of {stores}, {sizes['slices']} slices of {sizes['batch']} calls; "
        f"{sizes['starts']} starts; seed {sizes['seed']}"
    )
