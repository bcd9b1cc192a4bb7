"""What type checkers and editors see, asked of mypy, which is strict here, and of pyright."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import REPOSITORY

HERE = Path(__file__).parent
REFUSED = HERE / "refused.py"

#: An error: the file's name, the line, and the checker's own words.
Error = tuple[str, int, str]


def by_mypy(files: list[Path], _folder: Path) -> list[Error]:
    """The errors that mypy finds."""
    done = _run("mypy", "--no-pretty", *map(str, files))
    found = re.findall(r"^(.*):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return [(Path(file).name, int(line), words) for file, line, words in found]


def by_pyright(files: list[Path], folder: Path) -> list[Error]:
    """The errors that pyright finds, from a package that brings its own node."""
    options = {
        "include": list(map(str, files)),
        "extraPaths": [str(REPOSITORY)],
        "typeCheckingMode": "standard",
    }
    project = folder / "pyrightconfig.json"
    project.write_text(json.dumps(options))
    done = _run("basedpyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(project))
    return [
        (Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
        for one in json.loads(done.stdout)["generalDiagnostics"]
        if one["severity"] == "error"
    ]


def _run(module: str, *options: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", module, *options], capture_output=True, text=True, cwd=REPOSITORY
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done


@pytest.fixture(scope="module", params=[by_mypy, by_pyright])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Error]:
    """The errors in the files of this folder and in the snippets of the guide."""
    text = (REPOSITORY / "docs" / "service.md").read_text()
    folder = tmp_path_factory.mktemp("types")
    guide = folder / "guide.py"
    guide.write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)))
    check: Callable[[list[Path], Path], list[Error]] = request.param
    return check([HERE / "accepted.py", REFUSED, guide], folder)


def test_what_is_wrong_is_refused_before_anything_runs(found: list[Error]) -> None:
    """Exactly the lines that say so."""
    wrong = {line for file, line, _ in found if file == REFUSED.name}
    lines = REFUSED.read_text().splitlines()

    assert wrong == {number for number, line in enumerate(lines, 1) if "# refused" in line}


def test_what_is_right_is_accepted(found: list[Error]) -> None:
    """Also every snippet of the guide, one after the other."""
    assert [error for error in found if error[0] != REFUSED.name] == []
