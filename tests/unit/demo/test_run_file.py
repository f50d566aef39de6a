"""A run that was cut off goes on where it was."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.demo.run_file import RunFile, mark_of, read_run
from service.errors import BadSettings
from service.evaluation.asker import Outcome, run_line

QIDS = ["q1", "q2", "q3"]
OUTCOMES = [Outcome(qid, (UUID(int=number),), False, 0.5) for number, qid in enumerate(QIDS)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def whole(path):
    return path.read_text() == "".join(f"{run_line(one)}\n" for one in OUTCOMES)


@given(st.data())
def test_cut_off_anywhere_it_ends_as_if_it_had_not_been(tmp_path_factory, data):
    """Whole lines stand, a torn one goes, the others are asked."""
    path = tmp_path_factory.mktemp("run") / "run.jsonl"
    cut = RunFile(path, "mark")
    assert cut.begin(QIDS) == []
    cut.add(OUTCOMES)
    written = path.read_bytes()
    left = written[: data.draw(st.integers(0, len(written)))]
    path.write_bytes(left)

    again = RunFile(path, "mark")
    stands = again.begin(QIDS)
    assert stands == OUTCOMES[: left.count(b"\n")]
    again.add(OUTCOMES[len(stands) :])
    again.end()
    assert whole(path)


@pytest.mark.parametrize("how", ["whole", "another", "fresh", "unmarked"])
def test_what_is_not_of_this_run_is_not_gone_on_with(path, how):
    """A whole run is made anew, as are one of other code or another index, and one that nobody marked."""
    file = RunFile(path, "mark")
    file.begin(QIDS)
    file.add(OUTCOMES[:2])
    if how == "whole":
        file.end()
    elif how == "another":
        file = RunFile(path, "another mark")
    elif how == "unmarked":
        file.beside.unlink()
    assert file.begin(QIDS, fresh=how == "fresh") == []
    assert path.read_bytes() == b""


@pytest.mark.parametrize("line", ["nothing", "[]", "{}", run_line(OUTCOMES[2])])
def test_a_line_of_another_question_ends_what_stands(path, line):
    """It and all behind it go."""
    file = RunFile(path, "mark")
    file.begin(QIDS)
    file.add(OUTCOMES[:1])
    with path.open("a") as opened:
        opened.write(f"{line}\n{run_line(OUTCOMES[1])}\n")
    assert file.begin(QIDS) == OUTCOMES[:1]
    assert path.read_text() == f"{run_line(OUTCOMES[0])}\n"


def test_a_line_that_no_run_wrote_is_named(path):
    """By its number; a file that is not there is named too."""
    path.write_text(f"{run_line(OUTCOMES[0])}\n\nthe patient said zebra\n")
    with pytest.raises(BadSettings, match=r"line 3 is no line of a run$"):
        read_run(path)
    with pytest.raises(BadSettings, match="cannot be read"):
        read_run(path.with_name("none"))


def test_a_mark_is_of_what_it_is_made_of():
    """The same twice; anything else is another."""
    assert mark_of("a", 1) == mark_of("a", 1) != mark_of("a", 2)
