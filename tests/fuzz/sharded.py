"""Whether a statement says of every content table in it which workspace it means: what a sharded database routes by."""

import re

from tests.fuzz.watch import CONTENT

_NAMED = re.compile(
    r"\b(?:FROM|JOIN|UPDATE|USING|,)\s+(\w+)(?:\s+(?:AS\s+)?(?!ON\b|SET\b|WHERE\b|USING\b)([a-z]\w*))?"
)
_SAID = re.compile(r"(?:(\w+)\.)?workspace_id\s*=\s*(?:\$\d+|(\w+)\.workspace_id)")
_SHARED = re.compile(r"USING\s*\(\s*workspace_id\b")


def unscoped(statement: str) -> set[str]:
    """The content tables of a statement that no comparison of `workspace_id` binds.

    A bare `workspace_id` binds the table named last before it; one side of a join of two workspaces binds both; rows
    that are inserted carry theirs.
    """
    places = [
        (match.start(), match[1], match[2] or match[1])
        for match in _NAMED.finditer(statement)
        if match[1] in CONTENT
    ]
    bound: set[str] = set()
    for match in _SAID.finditer(statement):
        before = [alias for start, _, alias in places if start < match.start()]
        bound |= {match[1] or (before[-1] if before else ""), match[2] or ""}
    if _SHARED.search(statement) and bound:
        bound |= {alias for _, _, alias in places}
    return {table for _, table, alias in places if not {alias, table} & bound}
