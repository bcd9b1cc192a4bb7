"""The tables of a store: what a row is, every column with type, unit and meaning, the indexes."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Column, Dialect, Index, Table, UniqueConstraint
from sqlalchemy.dialects import postgresql, sqlite

from tandem_store import models
from tandem_store.models import Model, table_of
from tools.markdown import docstring_in_markdown, in_markdown, table

SQLITE: Final[Dialect] = sqlite.dialect()
POSTGRESQL: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
#: What a column's name ends with, and its unit.
UNITS: Final = {
    "_ms": "ms since 1970, UTC",
    "_ns": "ns since 1970, UTC",
    "_usd": "US dollars",
    "_tokens": "tokens",
    "_nodes": "nodes",
    "month": "`YYYYMM` in SQL",
}
#: Columns that count bytes, in a file or of it.
BYTES: Final = {"size", "ordinal", "start", "value", "stop"}


def schema_page() -> str:
    """Return the generated part of docs/reference/schema.md."""
    source = ast.parse(inspect.getsource(models))
    parts: list[str] = []
    for body in source.body:
        if isinstance(body, ast.ClassDef) and _is_model(model := getattr(models, body.name)):
            parts += _described(model, _meanings(body))
    return "\n\n".join(parts)


def _is_model(value: object) -> bool:
    return inspect.isclass(value) and issubclass(value, Model) and value is not Model


def _meanings(body: ast.ClassDef) -> dict[str, str]:
    """Return the text behind each attribute of a class."""
    meanings: dict[str, str] = {}
    for attribute, after in pairwise(body.body):
        match attribute, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                meanings[name] = " ".join(str(text).split())
    return meanings


def _described(model: type[Model], meanings: dict[str, str]) -> Iterator[str]:
    owner = table_of(model)
    yield f"### {owner.name}"
    yield f"The model `{model.__name__}`. {docstring_in_markdown(model.__doc__)}"
    rows = [_row(model, column, meanings[column.name]) for column in owner.c]
    yield table(("column", "Python", "SQLite", "PostgreSQL", "unit", "meaning"), rows)
    yield "\n".join(f"* {line}" for line in _keys(owner))


def _row(model: type[Model], column: Column[Any], meaning: str) -> tuple[str, ...]:
    annotation = str(model.__annotations__[column.name])
    return (
        f"`{column.name}`",
        f"`{annotation.removeprefix('Mapped[').removesuffix(']')}`",
        f"`{column.type.compile(SQLITE)}`",
        f"`{column.type.compile(POSTGRESQL).partition(' COLLATE ')[0]}`",
        _unit(column.name),
        in_markdown(meaning),
    )


def _unit(name: str) -> str:
    if name in BYTES:
        return "bytes"
    return next((unit for ending, unit in UNITS.items() if name.endswith(ending)), "")


def _keys(owner: Table) -> Iterator[str]:
    yield f"Primary key: {_columns(owner.primary_key.columns)}"
    unique = [one for one in owner.constraints if isinstance(one, UniqueConstraint)]
    for constraint in sorted(unique, key=lambda one: str(one.name)):
        yield f"Unique: {_columns(constraint.columns)}"
    for reference in sorted(owner.foreign_key_constraints, key=lambda one: str(one.name)):
        target = reference.elements[0].column.table.name
        yield f"Refers to [{target}](#{target}): {_columns(reference.columns)}"
    for index in sorted(owner.indexes, key=lambda one: str(one.name)):
        yield f"Index `{index.name}`: {_columns(index.columns)}{_where(index)}"


def _columns(columns: Any) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _where(index: Index) -> str:
    condition = index.dialect_options["sqlite"]["where"]
    if condition is None:
        return ""
    text = condition.compile(dialect=SQLITE, compile_kwargs={"literal_binds": True})
    return f", of the rows with `{str(text).replace(f'{index.table.name}.', '')}`"  # type: ignore[union-attr]
