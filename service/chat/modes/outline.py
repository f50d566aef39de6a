"""The sections of every form but an answer: sentences of a client's notes, chosen by rules. Deterministic."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from service.chat.modes.cues import is_aim, is_open, tells_of_change
from service.chat.modes.measures import Kind
from service.chat.modes.sayings import Saying, Session
from service.chat.modes.titles import Part
from service.domain.answers import Question
from service.retrieval.forms import FEW

# Lines of each section at most, so that a whole form is a dozen or so and can be read on the way to the door.
PRESENTING, COURSE, MEASURED, LAST, PLAN = 3, 2, 2, 2, 2
OPEN_PLANS, EARLIER_PLANS, QUESTIONS, CHANGES, BEFORE = 3, 1, 2, 2, 1
RECENT = 60  # Sessions: a year of weekly ones, for what an appointment needs.
LOOKED_BACK = 5  # Sessions: what was planned before that, and never taken up, is no plan any more.
OF_A_SESSION: Mapping[Part, int] = {"subjective": 3, "objective": 2, "assessment": 2, "plan": 3}
SAME = 0.6  # Of two assessments, the share of words from which on the second says nothing new.


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one title."""

    part: Part
    sayings: Sequence[Saying]


def outline(question: Question, held: Sequence[Session]) -> list[Section]:
    """The sections that the question's form has of these sessions, oldest first; none empty, no sentence twice."""
    return list(_distinct(_MAKE[question.form](question, held))) if held else []


def _distinct(sections: Iterable[Section]) -> Iterator[Section]:
    seen: set[Saying] = set()
    for section in sections:
        kept = [one for one in dict.fromkeys(section.sayings) if one not in seen]
        seen.update(kept)
        if kept:
            yield Section(section.part, kept)


# ---- A client's course ----


def _summary(question: Question, held: Sequence[Session]) -> Iterator[Section]:
    first, *between = held[:-1] or held
    last = held[-1]
    yield Section("presenting", _presenting(first))
    yield Section("course", _course(between, apart_from=[first, last]))
    yield Section("measures", list(_measured(held, kind="score", most=MEASURED, last_first=False)))
    yield Section("medication", _doses(held))
    if last is not first:
        yield Section("last", _state(last))
    yield Section("plan", _last_plan(held)[:PLAN])


def _presenting(first: Session) -> list[Saying]:
    said = first.of("subjective")[: PRESENTING - 1] + first.of("assessment")[:1]
    return (said or list(first.sayings))[:PRESENTING]


def _state(last: Session) -> list[Saying]:
    said = last.of("assessment")[:1] + last.of("subjective")[:1]
    return (said or list(last.sayings))[:LAST]


def _course(between: Sequence[Session], *, apart_from: Sequence[Session]) -> list[Saying]:
    """Assessments that say something new, spread over the course."""
    known = [saying for one in apart_from for saying in one.of("assessment")]
    fresh: list[Saying] = []
    for session in between:
        for saying in session.of("assessment")[:1]:
            if saying.stems and not any(_is_same(saying, other) for other in (*known, *fresh)):
                fresh.append(saying)
    return _spread(fresh, COURSE)


def _is_same(one: Saying, other: Saying) -> bool:
    both = one.stems | other.stems
    return len(one.stems & other.stems) > SAME * len(both)


def _spread(sayings: Sequence[Saying], most: int) -> list[Saying]:
    """So many of them, evenly apart."""
    if len(sayings) <= most:
        return list(sayings)
    return [sayings[(2 * number + 1) * len(sayings) // (2 * most)] for number in range(most)]


def _measured(
    held: Sequence[Session], *, kind: Kind, most: int, last_first: bool
) -> Iterator[Saying]:
    """Of the measures taken most often, the last value with the first, or with the one before."""
    series = sorted(_series(held, kind).values(), key=lambda values: -len(values))
    for values in islice((one for one in series if len(one) > 1), most):
        yield from (values[-1], values[-2]) if last_first else (values[0], values[-1])


def _series(held: Sequence[Session], kind: Kind) -> Mapping[str, list[Saying]]:
    """Where each measure stands, session by session, oldest first; what is planned or aimed at is no value."""
    found: dict[str, list[Saying]] = {}
    for session in held:
        given: set[str] = set()
        for saying in session.of("objective", "subjective", "assessment"):
            named = {one.name for one in saying.measures if one.kind == kind} - given
            for name in sorted(named) if not is_aim(saying.text) else ():
                found.setdefault(name, []).append(saying)
                given.add(name)
    return found


def _doses(held: Sequence[Session]) -> list[Saying]:
    """The first and the last dose of the drug that is told of most often; of equals, the newest."""
    series = list(_series(held, "dose").values())
    if not series:
        return []
    places = {saying: place for place, one in enumerate(held) for saying in one.sayings}
    most = max(series, key=lambda values: (len(values), places[values[-1]]))
    return [*dict.fromkeys((most[0], most[-1]))]


def _last_plan(held: Sequence[Session]) -> list[Saying]:
    return next((plan for one in reversed(held) if (plan := one.of("plan"))), [])


# ---- The next appointment ----


def _prepare(question: Question, held: Sequence[Session]) -> Iterator[Section]:
    recent, plan = held[-LOOKED_BACK:], _last_plan(held)[:OPEN_PLANS]
    earlier = _left(recent, lambda one: one.field == "plan", _last_plan(held))[:EARLIER_PLANS]
    yield Section("plan", plan)
    yield Section("earlier_plans", earlier)
    measured = _measured(held[-RECENT:], kind="score", most=MEASURED, last_first=True)
    yield Section("last_measures", list(measured))
    yield Section("changes", _changes(held))
    yield Section("before", _gone(held))
    questions = _left(recent, lambda one: is_open(one.text), [*plan, *earlier])
    yield Section("questions", questions[:QUESTIONS])


def _left(
    recent: Sequence[Session], wanted: Callable[[Saying], bool], known: Sequence[Saying]
) -> list[Saying]:
    """What is wanted of the recent sessions and no later one takes up, newest first."""
    later: list[Saying] = []
    found: list[Saying] = []
    for session in reversed(recent):
        told = [one for one in session.sayings if len(one.stems) > 1 and wanted(one)]
        left = [one for one in told if not one.is_taken_up_by(later)]
        found += [one for one in left if one not in known]
        later += session.sayings
    return found


def _changes(held: Sequence[Session]) -> list[Saying]:
    """Of the last session, what tells of a change first, then what no recent session before spoke of."""
    last, before = held[-1], held[-RECENT:-1]
    said = last.of("assessment", "subjective", "objective")
    known = frozenset[str]().union(*(one.stems for session in before for one in session.sayings))
    changed = [one for one in said if tells_of_change(one.text)]
    new = [one for one in said if before and one.stems and not one.stems & known]
    return [*dict.fromkeys((*changed, *new))][:CHANGES]


def _gone(held: Sequence[Session]) -> list[Saying]:
    """What the session before spoke of and the last one does not."""
    if len(held) < 2:
        return []
    before, last = held[-2], held[-1]
    said = before.of("subjective", "assessment")
    return [one for one in said if len(one.stems) > 1 and not one.is_taken_up_by(last.sayings)][
        :BEFORE
    ]


# ---- A session ----


def _session(question: Question, held: Sequence[Session]) -> Iterator[Section]:
    """Field by field, newest session first; of the fields asked for, if any are."""
    fields = [name for name in OF_A_SESSION if not question.fields or name in question.fields]
    shown = [one for one in reversed(held) if one.of(*fields)]
    shown = shown[: FEW if question.when else 1]
    for name in fields:
        most = OF_A_SESSION[name] if len(shown) == 1 else 1 + (name in question.fields)
        yield Section(name, [saying for one in shown for saying in one.of(name)[:most]])


_MAKE: Mapping[str, Callable[[Question, Sequence[Session]], Iterator[Section]]] = {
    "summary": _summary,
    "prepare": _prepare,
    "session": _session,
}
