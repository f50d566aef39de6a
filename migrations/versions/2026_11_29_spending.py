"""What models cost each workspace, day by day; and two more things that may be switched."""

from alembic import op

revision = "2026_11_29_spending"
down_revision = "2026_11_29_names"
branch_labels = None
depends_on = None

# Amounts and ids only. A day is UTC's, by the database's clock: processes need not agree about midnight.
SPENDING = """
CREATE TABLE spending (
  workspace_id uuid NOT NULL, day date NOT NULL,
  questions int NOT NULL DEFAULT 0 CHECK (questions >= 0),
  asking_micros bigint NOT NULL DEFAULT 0 CHECK (asking_micros >= 0),
  indexing_micros bigint NOT NULL DEFAULT 0 CHECK (indexing_micros >= 0),
  PRIMARY KEY (workspace_id, day));
CREATE INDEX spending_days ON spending (day);
"""

# The version before neither writes nor reads these names.
SWITCHES = """
ALTER TABLE switches DROP CONSTRAINT switches_name_check;
ALTER TABLE switches ADD CONSTRAINT switches_name_check
  CHECK (name IN ('assistant', 'allowed_roles', 'require_consent', 'pseudonyms', 'daily_budget'));
"""

GRANTS = """
GRANT SELECT, INSERT ON spending TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT UPDATE (questions, asking_micros, indexing_micros) ON spending TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT DELETE ON spending TO pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    for script in (SPENDING, SWITCHES, GRANTS):
        for statement in _statements(script):
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a budget that is kept is not forgotten by a command")
