"""What type checkers and editors see, told by mypy, which is strict here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

HERE = Path(__file__).parent
REFUSED = HERE / "refused.py"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The errors of mypy in the files of this folder and in the snippets of the guide."""
    text = (REPOSITORY / "docs" / "guide.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    guide = tmp_path_factory.mktemp("guide") / "guide.py"
    guide.write_text("\n".join(snippets))
    command = [sys.executable, "-m", "mypy", "--no-pretty"]
    done = subprocess.run(
        [*command, str(HERE / "accepted.py"), str(REFUSED), str(guide)],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    assert done.returncode in (0, 1), done.stderr
    return [line for line in done.stdout.splitlines() if ": error:" in line]


def test_a_field_that_no_run_has_is_refused_before_anything_runs(told: list[str]) -> None:
    """Exactly the lines that say so."""
    wrong = {int(match[1]) for line in told if (match := re.search(r"refused\.py:(\d+):", line))}
    lines = REFUSED.read_text().splitlines()

    assert wrong == {number for number, line in enumerate(lines, 1) if "# refused" in line}


def test_what_is_right_is_accepted(told: list[str]) -> None:
    """Also every snippet of the guide, one after the other."""
    assert [line for line in told if "refused.py" not in line] == []
