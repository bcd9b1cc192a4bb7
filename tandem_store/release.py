"""Which release of the package this is."""

from __future__ import annotations

from functools import cache


@cache
def installed_release() -> str:
    """Return the version that the installed package has, or ``0+unknown`` if none is installed."""
    # Imported here, because it takes 30 ms, which few programs need.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tandem-store")
    except PackageNotFoundError:  # A checkout that was never installed.
        return "0+unknown"
