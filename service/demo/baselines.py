"""The plain ways to search words that lexical search is measured beside."""

import math
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import make_url

from service.domain.notes import Bag, Note
from service.retrieval.postings import IDF_POWER, K1, B


class PlainBM25:
    """The same BM25 over the same bags, as a dictionary and loops."""

    def __init__(self, bags: Sequence[Bag]) -> None:
        self._size = len(bags)
        self._postings: dict[int, tuple[array[int], array[int]]] = defaultdict(
            lambda: (array("I"), array("I"))
        )
        for row, bag in enumerate(bags):
            for feature, count in zip(bag.features, bag.counts, strict=True):
                rows, counts = self._postings[feature]
                rows.append(row)
                counts.append(count)
        lengths = [sum(bag.counts) for bag in bags]
        mean = sum(lengths) / len(lengths)
        self._norms = [K1 * (1 - B + B * length / mean) for length in lengths]

    def search(self, asked: Mapping[int, float], limit: int) -> list[int]:
        """The best rows for features with their weights, best first."""
        scores: dict[int, float] = defaultdict(float)
        for feature, weight in asked.items():
            if feature in self._postings:
                self._add(scores, weight, *self._postings[feature])
        return sorted(scores, key=lambda row: -scores[row])[:limit]

    def _add(
        self, scores: dict[int, float], weight: float, rows: "array[int]", counts: "array[int]"
    ) -> None:
        idf = math.log1p((self._size - len(rows) + 0.5) / (len(rows) + 0.5)) ** IDF_POWER
        for row, count in zip(rows, counts, strict=True):
            scores[row] += weight * idf * count * (K1 + 1) / (count + self._norms[row])


@dataclass(frozen=True, slots=True)
class FullText:
    """Postgres's own: words alone, in clear, which no table of ours may hold."""

    connection: "asyncpg.Connection[Any]"

    @classmethod
    async def over(cls, notes: Sequence[Note], url: str) -> "FullText":
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(plain)
        await connection.execute("CREATE TABLE full_text (id int, words tsvector)")
        rows = [(number, "\n".join(note.fields.values())) for number, note in enumerate(notes)]
        add = "INSERT INTO full_text VALUES ($1, to_tsvector('simple', $2))"
        await connection.executemany(add, rows)
        await connection.execute("CREATE INDEX ON full_text USING gin (words)")
        await connection.execute("ANALYZE full_text")
        return cls(connection)

    async def search(self, query: str, limit: int) -> list[int]:
        """The best rows, best first, of those that have any of the words."""
        found = await self.connection.fetch(_ANY_WORD, query, limit)
        return [row["id"] for row in found]

    async def close(self) -> None:
        await self.connection.execute("DROP TABLE full_text")
        await self.connection.close()


_ANY_WORD = """
SELECT id FROM full_text, (SELECT replace(plainto_tsquery('simple', $1)::text, '&', '|')::tsquery AS any_word) asked
WHERE words @@ any_word ORDER BY ts_rank(words, any_word) DESC LIMIT $2
"""
