"""Notes of no one: made-up words in both languages, as often as words come in a language, for measurements of speed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from uuid import UUID

from service.domain.answers import Language
from service.domain.identity import ClientId, WorkspaceId
from service.domain.notes import SOAP_FIELDS, Note, NoteRef

WORDS = 12_000  # of a language; the 1,156 practice notes use 13,416 Hebrew and 10,325 English ones
NOTE_CHARACTERS = 1000
# How many fields hold text, in a hundred of the practice notes. A made-up note has more distinct features than those:
# 131 stems and 491 grams, against 100 and 388, so it is a little harder.
FIELDS = {1: 54, 2: 30, 3: 2, 4: 14}
FIRST_DAY = datetime(2024, 1, 1, 9, tzinfo=UTC)
NOTES_OF_A_CLIENT = 40
_SYLLABLES = {
    "en": ("bcdfghklmnprstvw", "aeiou", ("", "", "n", "r", "s", "t", "l")),
    "he": ("אבגדהוזחטילמנסעפצקרשת", ("", "", "ו", "י"), ("", "", "ה", "ת", "ר", "מ", "ל")),
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words and how many of all words they and those before them make up: Zipf's law."""

    words: Sequence[str]
    shares: Sequence[float]

    def draw(self, chance: random.Random, count: int) -> list[str]:
        return chance.choices(self.words, cum_weights=self.shares, k=count)


def vocabularies(chance: random.Random) -> Mapping[Language, Vocabulary]:
    """Of both languages; short words come more often, as they do."""
    return {"he": _vocabulary("he", chance), "en": _vocabulary("en", chance)}


def _vocabulary(language: Language, chance: random.Random) -> Vocabulary:
    words: dict[str, None] = {}
    while len(words) < WORDS:
        size = 1 + len(words) // 300 if len(words) < 900 else chance.randint(2, 4)
        words[_word(language, size, chance)] = None
    return Vocabulary(list(words), list(accumulate(1 / rank for rank in range(1, WORDS + 1))))


def _word(language: Language, syllables: int, chance: random.Random) -> str:
    parts = _SYLLABLES[language]
    return "".join(chance.choice(part) for _ in range(syllables) for part in parts)


def made_up_notes(count: int, *, workspace: WorkspaceId, chance: random.Random) -> Iterator[Note]:
    """Every second one is Hebrew; a client has forty."""
    known = vocabularies(chance)
    for number in range(count):
        language: Language = "en" if number % 2 else "he"
        yield _note(number, known[language], workspace=workspace, chance=chance)


def _note(
    number: int, vocabulary: Vocabulary, *, workspace: WorkspaceId, chance: random.Random
) -> Note:
    [used] = chance.choices(list(FIELDS), list(FIELDS.values()))
    size = round(NOTE_CHARACTERS * chance.uniform(0.5, 1.5) / used)
    when = FIRST_DAY + timedelta(days=number % 600)
    return Note(
        ref=NoteRef(workspace, "sessions", _id(chance)),
        client=ClientId(UUID(int=number // NOTES_OF_A_CLIENT + 1)),
        state="active",
        fields={field: _text(vocabulary, size, chance) for field in SOAP_FIELDS[:used]},
        updated_at=when,
        session_date=when,
        version=1,
    )


def _id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def _text(vocabulary: Vocabulary, size: int, chance: random.Random) -> str:
    """Sentences of eleven words, until it is about as long as asked for."""
    text = ""
    while len(text) < size:
        text += f"{' '.join(vocabulary.draw(chance, 11))}. "
    return text[:size].strip()


def made_up_questions(count: int, notes: Sequence[Note], chance: random.Random) -> list[str]:
    """Four to ten words of a note, common ones too, each about another note."""
    asked = []
    for note in chance.choices(notes, k=count):
        words = next(iter(note.fields.values())).replace(".", "").split()
        asked.append(" ".join(chance.sample(words, min(len(words), chance.randint(4, 10)))))
    return asked
