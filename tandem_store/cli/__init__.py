"""The command line: reads options, calls the library, and prints the result."""

from tandem_store.cli.program import main

__all__ = ["main"]
