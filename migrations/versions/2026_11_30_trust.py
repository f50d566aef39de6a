"""What an answer is held to: which text a sentence leaned on, which sessions nobody may search yet, what was thought of it."""

from alembic import op

revision = "2026_11_30_trust"
down_revision = "2026_11_29_spending"
branch_labels = None
depends_on = None

# `texts`: a keyed digest of each field's text alone, where `digests` change with the model and the day too. Empty until
# a note is looked at again. `is_searched` is false for a draft where drafts are not indexed: counted, never found.
CATALOGUE = """
ALTER TABLE note_catalogue
  ADD COLUMN texts jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN is_searched boolean NOT NULL DEFAULT true;
"""

# What the note was when the sentence was written: the fields it cites by the same digests.
SOURCES = """
ALTER TABLE turn_sources
  ADD COLUMN version int, ADD COLUMN updated_at timestamptz, ADD COLUMN texts jsonb NOT NULL DEFAULT '{}';
"""

# One word of the asker's on one answer; it goes with the turn.
FEEDBACK = """
CREATE TABLE feedback (
  workspace_id uuid NOT NULL, turn_id uuid NOT NULL, user_id uuid NOT NULL,
  rating text NOT NULL CHECK (rating IN ('up', 'down')), reason text, at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, turn_id),
  FOREIGN KEY (workspace_id, turn_id) REFERENCES turns ON DELETE CASCADE);
"""

SWITCHES = """
ALTER TABLE switches DROP CONSTRAINT switches_name_check;
ALTER TABLE switches ADD CONSTRAINT switches_name_check
  CHECK (name IN ('assistant', 'allowed_roles', 'require_consent', 'pseudonyms', 'daily_budget', 'conversations'));
"""

CONTENT_TABLES = ("feedback",)

GRANTS = """
GRANT SELECT, INSERT, UPDATE ON feedback TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT DELETE ON feedback TO pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    for script in (CATALOGUE, SOURCES, FEEDBACK, SWITCHES):
        for statement in _statements(script):
            op.execute(statement)
    for table in CONTENT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY workspace ON {table} USING (workspace_id = (SELECT app_workspace()))"
            " WITH CHECK (workspace_id = (SELECT app_workspace()))"
        )
    for statement in _statements(GRANTS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("what therapists said of their answers is not dropped by a command")
