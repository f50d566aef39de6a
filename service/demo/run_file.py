"""run.jsonl while it grows: a line a question, so that a run which was cut off goes on where it was."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import service
from service.errors import BadSettings
from service.evaluation.asker import Outcome, parse_outcome, run_line

NO_OUTCOME = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class RunFile:
    """A run in the making, with a file beside it for as long as it is not whole.

    That file says what the run is of: where it was of other questions, another index or other code, it begins anew.
    """

    path: Path
    mark: str

    @property
    def beside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.unfinished")

    def begin(self, qids: Sequence[str], *, fresh: bool = False) -> list[Outcome]:
        """What stands already of these questions, in their order; whatever else is in the file goes."""
        if fresh or _text(self.beside) != self.mark:
            self.path.write_bytes(b"")
            self.beside.write_text(self.mark, encoding="utf-8")
            return []
        data = self.path.read_bytes() if self.path.exists() else b""
        kept = list(_matching(data, qids))
        self.path.write_bytes(data[: sum(len(line) for line, _ in kept)])
        return [outcome for _, outcome in kept]

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """On disk when it returns, as far as the operating system goes: a killed process loses none."""
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(f"{run_line(one)}\n" for one in outcomes)

    def end(self) -> None:
        """It is whole: the next run begins anew."""
        self.beside.unlink(missing_ok=True)


def _matching(data: bytes, qids: Sequence[str]) -> Iterator[tuple[bytes, Outcome]]:
    """The first lines that are of these questions; a torn one has no end, and ends them."""
    for line, qid in zip(data.splitlines(keepends=True), qids, strict=False):
        outcome = _outcome(line) if line.endswith(b"\n") else None
        if outcome is None or outcome.qid != qid:
            return
        yield line, outcome


def _outcome(line: bytes) -> Outcome | None:
    try:
        return parse_outcome(line.decode())
    except NO_OUTCOME:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def read_run(path: Path) -> list[Outcome]:
    """A run that was made before; raises BadSettings naming the line."""
    if (text := _text(path)) is None:
        raise BadSettings(f"{path}: cannot be read, or is not UTF-8")
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_parsed(line, path, number) for number, line in lines]


def _parsed(line: str, path: Path, number: int) -> Outcome:
    try:
        return parse_outcome(line)
    except NO_OUTCOME:
        raise BadSettings(f"{path}: line {number} is no line of a run") from None


def mark_of(*parts: object) -> str:
    """A digest of what a run depends on, and of this program's own files."""
    digest = hashlib.sha256(repr(parts).encode())
    home = Path(service.__file__).parent
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(home)}\0".encode() + path.read_bytes())
    return digest.hexdigest()
