"""A note's row in the catalogue is found by its whole key, by whichever index the planner takes."""

from alembic import op

revision = "2026_11_30_lookups"
down_revision = "2026_11_30_states"
branch_labels = None
depends_on = None

# Before a table has statistics, an index of (workspace_id, entity) looks as good as the key to the planner, and as the
# younger one it was taken: each check of a reference read all of the workspace, 64 of them 60 ms where it had 1,600 notes
# and 0.5 by the key, until the first ANALYZE. With the whole key in front both are equally good.
BEFORE = """
CREATE INDEX note_catalogue_coverage ON note_catalogue (workspace_id, entity)
  INCLUDE (client_id, entity_id, day, state, is_searched)
"""
AFTER = """
CREATE INDEX note_catalogue_coverage ON note_catalogue (workspace_id, entity, entity_id)
  INCLUDE (client_id, day, state, is_searched)
"""


def upgrade() -> None:
    op.execute("DROP INDEX note_catalogue_coverage")
    op.execute(AFTER)


def downgrade() -> None:
    op.execute("DROP INDEX note_catalogue_coverage")
    op.execute(BEFORE)
