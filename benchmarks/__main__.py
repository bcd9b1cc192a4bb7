"""``python -m benchmarks``: measure everything on this machine, and print it as a page.

The page goes to standard output, the results to a file; ``python -m benchmarks.publish`` makes the
page of the documentation of that file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import make_url

from benchmarks.checkouts import ROOT, other_checkout, this_checkout
from benchmarks.lab import Lab
from benchmarks.page import SUITES, render
from benchmarks.results import Results
from benchmarks.servers import Server, own_server
from benchmarks.setting import describe
from benchmarks.sizes import FULL, ONE_MILLION, QUICK, Sizes

#: Where make has put the peers.
_PEERS: Final = ROOT / ".venv-bench" / "bin" / "python"


@click.command()
@click.option("--quick", is_flag=True, help="Check everything at a small size; times mean nothing.")
@click.option(
    "--suite", "suites", multiple=True, type=click.Choice(list(SUITES)), help="Only these."
)
@click.option("--against", metavar="DIR|REV", help="Also measure this checkout or git revision.")
@click.option("--shards", multiple=True, type=int, help="History shards to import; repeatable.")
@click.option("--rounds", type=int, help="Turns of each command.")
@click.option("--hot-bytes", type=int, help="Bytes of the hot file.")
@click.option("--largest", type=int, help="Leave out stores of more runs.")
@click.option("--million", is_flag=True, help="Also measure calls in a store of 1,000,000 runs.")
@click.option("--seed", type=int, help="Another seed makes other runs.")
@click.option("--server", metavar="URL", help="A PostgreSQL server; may create databases.")
@click.option("--no-peers", is_flag=True, help="Leave out what comes from PyPI.")
@click.option(
    "--results",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / "build" / "benchmarks.json",
    help="Where the results go.",
)
def main(
    *,
    quick: bool,
    suites: tuple[str, ...],
    against: str | None,
    server: str | None,
    no_peers: bool,
    file: Path,
    **sizes: Any,
) -> None:
    """Measure tandem_store beside its peers, and another commit if one is named."""
    chosen = _sizes(QUICK if quick else FULL, **sizes)
    peers = None if no_peers or not _PEERS.exists() else _PEERS
    with _lab(chosen, against=against, server=server, peers=peers) as lab:
        lab.results.setting.update(describe(lab), suites=[*(suites or SUITES)])
        for name in lab.results.setting["suites"]:
            SUITES[name].measure(lab)
        lab.results.save(file)
        click.echo(render(lab.results), nl=False)


def _sizes(sizes: Sizes, *, million: bool, largest: int | None, **changes: Any) -> Sizes:
    """Return the sizes with what the options change."""
    stores = (*sizes.stores, *([ONE_MILLION] if million else []))
    stores = tuple(one for one in stores if largest is None or one.runs <= largest)
    given = {name: value for name, value in changes.items() if value}
    return replace(sizes, stores=stores, **given)


@contextmanager
def _lab(
    sizes: Sizes, *, against: str | None, server: str | None, peers: Path | None
) -> Iterator[Lab]:
    """Provide everything that the suites need, and remove it afterwards."""
    with ExitStack() as opened:
        prefix = "tandem-store-bench-"
        work = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        checkouts = [this_checkout()]
        if against:
            checkouts.append(opened.enter_context(other_checkout(against, work)))
        running = Server(make_url(server)) if server else opened.enter_context(own_server())
        yield Lab(
            work=work,
            sizes=sizes,
            checkouts=tuple(checkouts),
            peers=peers,
            server=running,
            results=Results({}),
        )


if __name__ == "__main__":
    main()
