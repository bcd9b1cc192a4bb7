"""The map of the package: every module with the first line of its docstring, floor by floor."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.markdown import first_line, table

ROOT: Final = Path(__file__).parents[1]
PACKAGE: Final = ROOT / "tandem_store"


def layers() -> list[list[str]]:
    """Return the floors of the package, the highest first, from the contract in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [one for one in contracts if one.get("containers") == ["tandem_store"]]
    named = [re.findall(r"\w+", layer) for layer in contract["layers"]]
    return [there for floor in named if (there := [one for one in floor if _is_there(one)])]


def module_map() -> str:
    """Return every module, grouped by package, in the order of the floors."""
    parts: list[str] = []
    for floor in layers():
        for name in floor:
            if (PACKAGE / name).is_dir():
                parts += _package(PACKAGE / name)
    return "\n\n".join([_modules(PACKAGE, "tandem_store"), *parts])


def _package(folder: Path) -> Iterator[str]:
    name = ".".join(folder.relative_to(ROOT).parts)
    yield _modules(folder, name)
    for inner in sorted(folder.iterdir()):
        if (inner / "__init__.py").exists():
            yield from _package(inner)


def _modules(folder: Path, name: str) -> str:
    files = [one for one in sorted(folder.glob("*.py")) if one.name != "__init__.py"]
    rows = [(f"`{file.stem}`", _docstring(file)) for file in files]
    return f"### {name}\n\n{_docstring(folder / '__init__.py')}\n\n" + table(
        ("module", "what it has"), rows
    )


def _is_there(name: str) -> bool:
    return _file(name).exists()


def _file(name: str) -> Path:
    folder = PACKAGE / name
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _docstring(file: Path) -> str:
    return first_line(ast.get_docstring(ast.parse(file.read_text())))
