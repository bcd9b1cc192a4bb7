"""The base of what a read transaction offers: classes with methods that only read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn


class ReadOnly:
    """A class that only reads; a subclass of it adds the methods that write.

    Using a writing method on a read transaction is an ``AttributeError`` that says what to do.
    """

    if not TYPE_CHECKING:  # with it, a type checker would accept any name

        def __getattr__(self, name: str) -> NoReturn:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if ReadOnly in type(self).__bases__:
                message += "; this transaction only reads, so begin one that writes: store.begin()"
            raise AttributeError(message, name=name, obj=self)
