"""The review of threats names what there is, and has no gap; and two threats that a look at the source settles."""

import ast
import re
import time
from functools import cache
from pathlib import Path

import pytest

from service.language.detect import language_of
from service.language.identifiers import identifiers
from service.language.injection import orders_in, score
from service.language.markup import has_markup
from service.retrieval.intent import topic_of

ROOT = Path(__file__).parents[2]
REVIEW = (ROOT / "tests" / "threats.md").read_text()
NAMED = re.compile(r"`([\w./-]+/[\w./-]+|Dockerfile|uv\.lock)(?:::(\w+))?`")
INSTALLED = ("service", "migrations", "clients/python/pazpaz_ai_client")
EMPTY = {"", "-"}


def rows(title: str) -> dict[str, list[str]]:
    """The rows of the table behind a heading's first words, by their first cell."""
    part = REVIEW.split(title, 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]
    found = {first: more for first, *more in cells}
    assert len(found) == len(cells), "a row is there twice"
    return found


@cache
def defined(path: str) -> frozenset[str]:
    """Every function, class and constant of a file, inner ones too."""
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text())))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    stored = (one.id for one in nodes if isinstance(one, ast.Name))
    return frozenset([*(one.name for one in nodes if isinstance(one, kinds)), *stored])


def missing(text: str) -> list[str]:
    """What a text names and the repository does not have."""
    return [
        f"{path}::{name}" if name else path
        for path, name in NAMED.findall(text)
        if not (ROOT / path).exists() or (name and name not in defined(path))
    ]


def proofs(cell: str) -> list[tuple[str, str]]:
    return [one for one in NAMED.findall(cell) if Path(one[0]).name.startswith("test_")]


def test_everything_that_is_named_is_there():
    """A test or function that is renamed or removed must be looked for in the review too."""
    assert len(NAMED.findall(REVIEW)) > 150
    assert missing(REVIEW) == []


def test_what_is_not_there_is_found():
    """A file, a function or a test that nobody has is told, so that the test above can fail."""
    for gone in ("service/nobody.py", "service/cli.py::nobody", "tests/unit/test_cli.py::test_x"):
        assert missing(f"as `{gone}` shows") == [gone]


def test_every_threat_has_a_row_and_every_row_something_to_say():
    """All 35, each with what stops it, and with a test or the reason why there is none."""
    found = rows("notice\n")
    assert [*found] == [str(number) for number in range(1, 36)]
    for number, (threat, stops, tests, remains) in found.items():
        assert not {threat, stops} & EMPTY, number
        assert proofs(tests) or remains not in EMPTY, number
        assert NAMED.search(stops) or "does not apply" in stops, number


def test_every_trap_has_its_answer():
    """All 12, each with a test."""
    found = rows("## Traps")
    assert [*found] == [str(number) for number in range(1, 13)]
    assert all(proofs(tests) for *_, tests in found.values())


def test_every_further_threat_has_a_test():
    """What the review found by itself is held as well."""
    assert all(proofs(tests) for *_, tests in rows("## What the list").values())


FORBIDDEN = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "yaml",
    "xml",
    "lxml",
    "subprocess",
    "telnetlib",
    "code",
}
RUN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}


def sources() -> list[Path]:
    """All that is installed, without the demo, which starts its servers."""
    found = [path for folder in INSTALLED for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not path.is_relative_to(ROOT / "service" / "demo")]


def runs(tree: ast.AST) -> set[str]:
    """What in a file could run, or rebuild as an object, what it was given."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {one.name.split(".")[0] for one in node.names} & FORBIDDEN
        elif isinstance(node, ast.ImportFrom):
            found |= {(node.module or "").split(".")[0]} & FORBIDDEN
        elif isinstance(node, ast.Call):
            found |= {ast.unparse(node.func)} & RUN
    return found


def test_nothing_that_is_read_is_run():
    """No pickle, no YAML, no XML, no shell, no eval: what comes in is JSON, read into shapes."""
    assert len(sources()) > 200
    assert {path.name: runs(ast.parse(path.read_text())) for path in sources()} == {
        path.name: set() for path in sources()
    }
    for planted in ("import pickle", "from yaml import load", "eval(text)", "os.system(text)"):
        assert runs(ast.parse(planted))


READERS = {
    "links": has_markup,
    "orders": score,
    "orders in notes": lambda text: orders_in(text),
    "identifiers": lambda text: list(identifiers(text)),
    "topic": topic_of,
    "language": language_of,
}
SEEDS = [
    "\n",
    " ",
    "a ",
    "a.",
    "a-",
    "1 ",
    "[",
    "< ",
    "|",
    "a@a.",
    "| x",
    "\\",
    "ו",
    "א ",
    "&#",
    "= ",
]
SHORT, LONG = 500, 4000


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_of_questions_grows_faster_than_the_text(reader):
    """Eight times the text takes eight times as long, or thereabouts; of a square's, 64, it stays far away."""

    def seconds(length: int, seed: str) -> float:
        text = (seed * length)[: length - 1] + "x"  # what all but fits is tried in every way
        best = []
        for _ in range(3):
            began = time.process_time()
            READERS[reader](text)
            best.append(time.process_time() - began)
        return min(best)

    for seed in SEEDS:
        assert seconds(LONG, seed) < 32 * max(seconds(SHORT, seed), 0.0005), seed
