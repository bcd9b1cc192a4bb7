"""Which release of the package this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final


def _installed() -> str:
    try:
        return version("tandem-store")
    except PackageNotFoundError:  # A checkout that was never installed.
        return "0+unknown"


#: As the installed package says.
RELEASE: Final = _installed()
