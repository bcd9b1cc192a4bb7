"""Write the generated pages: ``python -m tools``, or those named, as ``python -m tools map``."""

from __future__ import annotations

import sys

from tools.pages import PAGES


def main(names: list[str]) -> None:
    """Write the pages of these names, or all of them."""
    for name in names or PAGES:
        PAGES[name].write()


if __name__ == "__main__":
    main(sys.argv[1:])
