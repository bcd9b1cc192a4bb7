"""The package and its pages use plain words, and no name is a riddle."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.docs.pages import DOCS, README
from tests.support import REPOSITORY

PACKAGE: Final = REPOSITORY / "tandem_store"

#: What is not said in docstrings, comments, messages and pages, and what is said instead.
STIFF: Final = {
    r"(?<![Tt]here )\b(is|are) none\b": "is not, are not",
    r"\bfor ever\b": "forever, or say how long",
    r"\bshall\b": "must, should, will",
    r"\b(is|are|was|were|be|been|it) told\b": "says, reports",
    r"\btold (of|by|apart|in|to|how|which)\b": "says, reports",
    r"\btells (it|one|which|what|how|whether|from)\b": "says, reports, distinguishes",
    r"\b(what|whatever) (becomes|became|has become) of\b|\bbecomes of\b": "what happens to",
    r"\blet(s|ting)? go\b|\blet_go\b": "release, clear",
    r"\b(sees|seen|see) to (it|that|them)?\b": "takes care of, makes sure",
    r"\blikewise\b": "also, too",
    r"\bthereby\b": "so, by that",
    r"\bwhereby\b|\bwherein\b|\bthereof\b|\btherein\b": "by which, in which",
    r"\b(hold|holds|held|holding) (\w+ ){0,3}against\b": "compares with",
    r"\bas the columns? ha(s|ve) (it|them)\b|\bas JSON has it\b": "as stored",
    r"\bgave back\b|\bgives back\b": "returns",
    r"\b(function|method|call|query|it|which) (gives|gave)\b(?! (up|way|it|them))": "returns",
}

#: Names that are riddles, each with the name to use; whole identifiers or whole words of one.
RIDDLES: Final = {
    r"alone": "lock",
    r"_?frozen": "file_snapshot",
    r"_?Fate|Judgement|Passed|Flaw|Fault|Mend": "Resolution, CopyOutcome, SkippedFile, DamageKind",
    r"_?packed|_?PackedRun": "compressed",
    r"_?told": "progress, report",
    r"_?saw_again": "mark_seen",
    r"_?has_swallowed": "contains_other_runs",
    r"_?let_go": "clear_claim",
    r"_?unfinished_and_idle": "lock_unfinished",
    r"_?touched": "written_by_service",
    r"_?alarming": "needs_attention",
    r"_?looking|_?cutting": "reading, splitting",
    r"_?RUN_OUT|_?IN_QUEUE": "EXPIRED, QUEUED",
}


class Said(NamedTuple):
    """Something that is read by people, and where it is."""

    file: str
    line: int
    text: str


def sources() -> list[Path]:
    """Every Python file whose wording is read."""
    return [
        *sorted(PACKAGE.rglob("*.py")),
        REPOSITORY / "migrations" / "env.py",
        *sorted((REPOSITORY / "tools").glob("*.py")),
        *sorted((REPOSITORY / "benchmarks").rglob("*.py")),
    ]


def prose(file: Path) -> Iterator[Said]:
    """Every comment, and every string that is a sentence: docstrings, messages, help."""
    text, name = file.read_text(), str(file.relative_to(REPOSITORY))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield Said(name, node.lineno, " ".join(node.value.split()))
    comment, begin, last = "", 0, -1
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield Said(name, begin, comment)
                comment, begin = "", token.start[0]
            comment, last = f"{comment} {token.string.lstrip('#: ')}".strip(), token.start[0]
    yield Said(name, begin, comment)


def identifiers(file: Path) -> Iterator[Said]:
    """Every name in the code, but for ``frozen`` as an argument of dataclass() and pydantic."""
    name = str(file.relative_to(REPOSITORY))
    tokens = tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
    for token, after in pairwise(tokens):
        is_argument = token.string == "frozen" and after.string == "="
        if token.type == tokenize.NAME and not is_argument:
            yield Said(name, token.start[0], token.string)


def paragraphs(page: Path) -> Iterator[Said]:
    """Every paragraph of a page."""
    line = 1
    for paragraph in page.read_text().split("\n\n"):
        yield Said(str(page.relative_to(REPOSITORY)), line, " ".join(paragraph.split()))
        line += paragraph.count("\n") + 2


def hits(said: Iterable[Said], patterns: dict[str, str]) -> list[str]:
    """What the patterns find, each with its line, what to say instead, and the words around it."""
    return [
        f"{one.file}:{one.line}: {found[0]!r} (better: {better}) in: {_around(one.text, found)}"
        for one in said
        for pattern, better in patterns.items()
        for found in re.finditer(pattern, one.text)
    ]


def _around(text: str, found: re.Match[str]) -> str:
    return text[max(0, found.start() - 60) : found.end() + 60]


_STIFF_ANY_CASE: Final = {
    f"(?i:{pattern})" if "none" not in pattern else pattern: better
    for pattern, better in STIFF.items()
}
_WHOLE_NAMES: Final = {f"^(?:{pattern})$": better for pattern, better in RIDDLES.items()}


@pytest.mark.parametrize("file", sources(), ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_the_code_says_it_plainly(file: Path) -> None:
    """Docstrings, comments and messages have no stiff words, and no name is a riddle."""
    assert hits(prose(file), _STIFF_ANY_CASE) + hits(identifiers(file), _WHOLE_NAMES) == []


@pytest.mark.parametrize("page", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_the_pages_say_it_plainly(page: Path) -> None:
    """Those that are generated, too."""
    assert hits(paragraphs(page), _STIFF_ANY_CASE) == []


@pytest.mark.parametrize(
    ("text", "is_stiff"),
    [
        ("A cursor that is none.", True),
        ("Returns None if there is none.", False),
        ("The result is None.", False),
        ("It shall be kept for ever.", True),
        ("Likewise", True),
        ("the columns as the column has them", True),
        ("What became of a copy.", True),
        ("Held against its digest.", True),
        ("The server is told to stop.", True),
    ],
)
def test_the_patterns_find_what_they_should(text: str, is_stiff: bool) -> None:
    """A pattern that never matches would let everything pass."""
    assert bool(hits([Said("", 1, text)], _STIFF_ANY_CASE)) == is_stiff
