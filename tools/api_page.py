"""The public names of the package, with their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

import tandem_store
from tools.markdown import docstring_in_markdown, first_line, in_markdown, table

#: Modules whose names are all described, in the order of the page.
MODULES: Final = [
    "tandem_store",
    "tandem_store.importer",
    "tandem_store.verify",
    "tandem_store.backup",
    "tandem_store.copying",
    "tandem_store.recompression",
    "tandem_store.worker",
    "tandem_store.testing",
    "tandem_store.legacy",
]
#: Has a hundred names: they are listed, and their fields are in the code.
LISTED: Final = "tandem_store.records"


def api_page() -> str:
    """Return the generated part of docs/reference/api.md."""
    shown: set[int] = set()
    parts: list[str] = []
    for name in MODULES:
        if find_spec(name) is None:
            continue
        parts += _module(import_module(name), shown)
        if name == "tandem_store":
            parts += _reached_from_transactions(shown)
    parts += _listed(import_module(LISTED))
    return "\n\n".join(parts)


def _module(module: ModuleType, shown: set[int]) -> Iterator[str]:
    yield f"## {module.__name__}"
    yield docstring_in_markdown(module.__doc__)
    for name, value in sorted(_public(module), key=_order):
        if id(value) not in shown and (inspect.isclass(value) or inspect.isfunction(value)):
            shown.add(id(value))
            yield from _described(name, value)


def _public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    for name in getattr(module, "__all__", ()):
        yield name, getattr(module, name)


def _order(named: tuple[str, Any]) -> tuple[int, str]:
    """Functions first, then classes, then errors."""
    name, value = named
    is_error = inspect.isclass(value) and issubclass(value, BaseException)
    return (2 if is_error else 1 if inspect.isclass(value) else 0, name.lower())


def _reached_from_transactions(shown: set[int]) -> Iterator[str]:
    """Describe what ``tx.runs`` and its siblings are: public, though nobody imports them."""
    yield "## What a transaction reaches"
    yield "`tx` is what `store.read()` or `store.begin()` returns; the latter can write, too."
    for transaction in (tandem_store.ReadTransaction, tandem_store.Transaction):
        for name, member in inspect.getmembers(transaction, lambda one: isinstance(one, property)):
            reached = typing.get_type_hints(member.fget)["return"]
            if id(reached) not in shown:
                shown.add(id(reached))
                called = "tx" if transaction is tandem_store.Transaction else "tx, read-only"
                yield from _described(f"{reached.__name__}: {name} of {called}", reached)


def _described(name: str, value: Any) -> Iterator[str]:
    yield f"### {name}"
    if inspect.isfunction(value):
        yield _signature(value.__name__, value)
        yield docstring_in_markdown(value.__doc__)
        return
    if not issubclass(value, BaseException):
        yield docstring_in_markdown(value.__doc__)
    else:
        bases = ", ".join(f"`{base.__name__}`" for base in value.__bases__)
        yield f"{docstring_in_markdown(value.__doc__)}\n\nA kind of {bases}."
    if issubclass(value, Enum):
        yield table(("member", "value", "meaning"), _members(value))
        return
    if fields := list(_fields(value)):
        yield table(("attribute", "type", "meaning"), fields)
    for member, function in _methods(value):
        yield _signature(f"{value.__name__}.{member}", function)
        yield docstring_in_markdown(function.__doc__)


def _methods(value: type) -> Iterator[tuple[str, Any]]:
    """Return the methods and properties of the class itself, in the order of the source."""
    for name, member in vars(value).items():
        if name.startswith("_"):
            continue
        if isinstance(member, classmethod | staticmethod):
            yield name, member.__func__
        elif inspect.isfunction(member) or isinstance(member, property):
            yield name, member


def _signature(name: str, member: Any) -> str:
    """Return how a function is called, or the type of a property."""
    if isinstance(member, property):
        text = f"{name}: {inspect.signature(member.fget).return_annotation}"  # type: ignore[arg-type]
    else:
        text = name + re.sub(r"^[(](self|cls)(, )?", "(", str(inspect.signature(member)))
    return "```text\n" + text.replace("'", "") + "\n```"


def _members(value: type[Enum]) -> Iterator[tuple[str, str, str]]:
    comments = dict(_commented(value, r"    ([A-Z]\w*) = .*"))
    for member in value:
        yield f"`{member.name}`", f"`{member.value}`", comments.get(member.name, "")


def _fields(value: type) -> Iterator[tuple[str, str, str]]:
    """Return the annotated attributes of a class, their types, and what they mean."""
    for field, meaning in _commented(value, r"    ([a-z]\w*: .+?)(?: = .*)?"):
        name, _, kind = field.partition(": ")
        yield f"`{name}`", f"`{kind}`", meaning


def _commented(value: type, pattern: str) -> Iterator[tuple[str, str]]:
    """Return what matches in the body of a class, with the comment before or the text after it.

    A comment begins with ``#:``; a text is a string literal of its own.
    """
    try:
        lines = inspect.getsource(value).splitlines()
    except OSError:
        return
    meaning: list[str] = []
    for at, line in enumerate(lines):
        if re.match(r"    (def|@)", line):
            return
        if comment := re.fullmatch(r"    #: ?(.*)", line):
            meaning.append(comment[1])
        elif found := re.fullmatch(pattern, line):
            yield found[1], in_markdown(" ".join(meaning) or _literal(lines[at + 1 :]))
            meaning = []


def _literal(lines: list[str]) -> str:
    """Return the string literal that the lines begin with, on one line; empty if there is none."""
    found = re.match(r'    """(.*?)"""', "\n".join(lines), re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _listed(module: ModuleType) -> Iterator[str]:
    yield f"## {module.__name__}"
    yield docstring_in_markdown(module.__doc__)
    rows = [
        (f"`{name}`", first_line(value.__doc__))
        for name, value in sorted(_public(module), key=lambda one: one[0].lower())
        if inspect.isclass(value) or inspect.isfunction(value)
    ]
    yield table(("name", "what it is"), rows)
