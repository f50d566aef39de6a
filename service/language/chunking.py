"""Cuts a note into the stretches that are embedded, searched and quoted."""

from collections.abc import Iterator, Sequence

from service.domain.notes import Chunk, Note
from service.language.sentences import sentences

LIMIT = 800  # Code points. Nine fields of ten in the practice data are shorter and stay whole.
CHUNKER = "sentences-800-2"  # Part of every field digest: a new way of cutting re-embeds.


def chunk_note(note: Note) -> list[Chunk]:
    """A note's chunks, field by field; every code point that is not blank is in at least one."""
    return [chunk for field, text in note.fields.items() for chunk in chunk_field(field, text)]


def chunk_field(field: str, text: str) -> list[Chunk]:
    """The chunks of one field, at most `LIMIT` code points each, numbered from 0; none when it is blank.

    A longer field is cut at sentence ends, and the last sentence of a chunk opens the next one too where both
    fit, so that what hangs over a cut is still found in one piece.
    """
    spans = (_trimmed(text, start, end) for start, end in _groups(_segments(text)))
    kept = [(start, end) for start, end in spans if start < end]
    return [
        Chunk(field=field, ordinal=ordinal, start=start, end=end, text=text[start:end])
        for ordinal, (start, end) in enumerate(kept)
    ]


def headed(chunk: Chunk, note: Note) -> str:
    """A chunk as it is embedded: under a line with its day and field, which its own words seldom say."""
    day = f"{note.day.isoformat()} " if note.day else ""
    return f"{day}{chunk.field}\n{chunk.text}"


def joined(chunks: Sequence[Chunk], note: Note) -> Chunk:
    """Neighbouring chunks of one field as one, in the words of the note."""
    first, start, end = chunks[0], chunks[0].start, max(chunk.end for chunk in chunks)
    return Chunk(first.field, first.ordinal, start, end, note.fields[first.field][start:end])


def _segments(text: str) -> list[tuple[int, int]]:
    """Sentences with what stands before them, joined without a gap, none longer than the limit."""
    if len(text) <= LIMIT:
        return [(0, len(text))]
    ends = [end for _, end in sentences(text)][:-1]
    starts = [0, *ends]
    whole = zip(starts, [*ends, len(text)], strict=True)
    return [piece for start, end in whole for piece in _cut(text, start, end)]


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A stretch in pieces within the limit, cut at a blank where there is one in the last quarter."""
    while end - start > LIMIT:
        blank = text.rfind(" ", start + LIMIT * 3 // 4, start + LIMIT)
        stop = blank if blank > 0 else start + LIMIT
        yield start, stop
        start = stop
    yield start, end


def _groups(segments: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """As many segments together as fit, each group opening with the last segment of the one before."""
    groups = []
    start, last = segments[0][0], segments[0]
    for segment in segments[1:]:
        if segment[1] - start > LIMIT:
            groups.append((start, last[1]))
            start = last[0] if segment[1] - last[0] <= LIMIT else segment[0]
        last = segment
    return [*groups, (start, last[1])]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    stretch = text[start:end]
    return start + len(stretch) - len(stretch.lstrip()), start + len(stretch.rstrip())
