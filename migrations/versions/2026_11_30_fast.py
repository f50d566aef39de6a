"""What keeps search fast: the log of changes that memories follow, and one-bit codes of vectors."""

from alembic import op

revision = "2026_11_30_fast"
down_revision = "2026_11_30_trust"
branch_labels = None
depends_on = None

# One row for each note or client that an epoch changed; the row of a client means everything of that client. An epoch
# without a row changed anything: whoever remembers an earlier one forgets all of it.
CHANGES = """
CREATE TABLE index_changes (
  workspace_id uuid NOT NULL, epoch bigint NOT NULL,
  entity text NOT NULL CHECK (entity IN ('sessions', 'clients')), entity_id uuid NOT NULL,
  PRIMARY KEY (workspace_id, epoch, entity, entity_id));
"""

# The signs of a note's rotated vectors, all of its chunks in one row: 0.14 KB a chunk, read whole by a process that does
# not hold the workspace yet, while its vectors are 2 KB a chunk. A chunk written by a release that knew no codes is not
# `coded`: none of its workspace is searched by codes until it is looked at again.
CODES = """
CREATE TABLE vector_codes (
  workspace_id uuid NOT NULL, model text NOT NULL, entity text NOT NULL, entity_id uuid NOT NULL,
  fields text NOT NULL, codes bytea NOT NULL,
  PRIMARY KEY (workspace_id, entity, entity_id, model),
  FOREIGN KEY (workspace_id, entity, entity_id) REFERENCES note_catalogue ON DELETE CASCADE);
-- Noise does not compress, and to try costs more than to write.
ALTER TABLE vector_codes ALTER COLUMN codes SET STORAGE EXTERNAL;
ALTER TABLE session_vectors ADD COLUMN coded boolean NOT NULL DEFAULT false;
CREATE INDEX session_vectors_uncoded ON session_vectors (workspace_id, model) WHERE NOT coded;
"""

# What a search covers is counted with each answer: by this index alone 20 ms over 25,000 notes, by their rows, which
# carry digests and sealed columns, 110.
COVERAGE = """
CREATE INDEX note_catalogue_coverage ON note_catalogue (workspace_id, entity)
  INCLUDE (client_id, entity_id, day, state, is_searched);
"""

CONTENT_TABLES = ("index_changes", "vector_codes")

GRANTS = """
GRANT SELECT ON index_changes, vector_codes TO pazpaz_ai_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON index_changes, vector_codes TO pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    for script in (CHANGES, CODES, COVERAGE):
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
    raise NotImplementedError("an older release needs the database of before; restore it")
