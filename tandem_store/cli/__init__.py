"""The command line: options, one library call, and what a person or a program sees of it."""

from tandem_store.cli.program import main

__all__ = ["main"]
