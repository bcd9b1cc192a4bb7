"""The command ``tandem-store``, from its first moment on.

It is no part of the package, whose import takes a good part of a second: whoever sees a slip in
what was typed stops the command just then, and shall not get a traceback.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program. Exit code 130 and a sentence if it is interrupted before it has begun."""
    try:
        from tandem_store.cli import main as program
    except KeyboardInterrupt:
        sys.stderr.write("Error: Interrupted before anything was done.\n")
        sys.exit(130)
    program()
