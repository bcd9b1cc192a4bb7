"""Names that a package imports only when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from importlib import import_module
from sys import modules as imported


def lazily(package: str, names: Collection[str], modules: Sequence[str]) -> Callable[[str], object]:
    """Return a ``__getattr__`` for a package.

    A name is looked for in ``modules``, in their order, and kept in the package.
    """

    def attribute(name: str) -> object:
        if name in names:
            for module in map(import_module, modules):
                if hasattr(module, name):
                    value = getattr(module, name)
                    setattr(imported[package], name, value)
                    return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return attribute
