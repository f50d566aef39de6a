"""The judge of statements, on statements."""

import pytest

from tests.fuzz.sharded import unscoped


@pytest.mark.parametrize(
    ("statement", "lacking"),
    [
        ("SELECT x FROM bags WHERE bags.workspace_id = $1::UUID", set()),
        ("SELECT x FROM bags WHERE bags.client_id = $1", {"bags"}),
        ("DELETE FROM turns WHERE workspace_id = $1 AND id = $2", set()),
        ("UPDATE bags SET day = $1 WHERE entity_id = $2", {"bags"}),
        (
            "SELECT 1 FROM turns t JOIN conversations c ON c.workspace_id = t.workspace_id"
            " WHERE t.workspace_id = $1",
            set(),
        ),
        (
            "SELECT 1 FROM turns JOIN conversations ON conversations.id = turns.conversation_id"
            " WHERE turns.workspace_id = $1",
            {"conversations"},
        ),
        ("SELECT 1 FROM turns, feedback WHERE turns.workspace_id = $1", {"feedback"}),
        (
            "SELECT 1 FROM bags JOIN turns USING (workspace_id, id) WHERE bags.workspace_id = $1",
            set(),
        ),
        ("INSERT INTO bags (workspace_id) VALUES ($1)", set()),
        ("INSERT INTO bags SELECT * FROM turns WHERE turns.id = $1", {"turns"}),
        ("SELECT key FROM work", set()),
    ],
)
def test_a_table_is_bound_by_its_workspace(statement: str, lacking: set[str]) -> None:
    """By a parameter or by a join with a table that is; a bare name counts for the table before it."""
    assert unscoped(statement) == lacking
