"""The command ``tandem-store``.

It is outside the package, so that Ctrl-C ends without a traceback even while the package is being
imported.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the program. If it is interrupted before it has begun, exit with 130."""
    try:
        from tandem_store.cli import main as program
    except KeyboardInterrupt:
        sys.stderr.write("Error: Interrupted before anything was done.\n")
        sys.exit(130)
    program()
