"""Work that is fair and never repeats a token, what runs by the clock, and what is known of erasures and models."""

from alembic import op

revision = "2026_11_23_the_memory"
down_revision = "2026_11_23_the_doors"
branch_labels = None
depends_on = None

# Tokens come from one sequence: a row may go when its work is done, and a frozen worker's token still never returns.
WORK = """
CREATE SEQUENCE work_tokens AS bigint;
SELECT setval('work_tokens', (SELECT COALESCE(max(token), 0) + 1 FROM work));
ALTER TABLE work ADD COLUMN background boolean NOT NULL DEFAULT false;
ALTER TABLE work DROP CONSTRAINT work_kind_check;
ALTER TABLE work ADD CONSTRAINT work_kind_check CHECK (kind IN ('sessions', 'clients', 'workspaces', 'reconcile'));
DROP INDEX work_open;
CREATE INDEX work_ready ON work (background, workspace_id, not_before) WHERE wanted > done AND parked_at IS NULL;
CREATE INDEX work_parked ON work (parked_at) WHERE parked_at IS NOT NULL;
"""

# Whose note an event was about is needed no longer than the work it asked for; whose login, for two minutes.
EVENTS = """
ALTER TABLE event_ids ADD COLUMN kind text, ADD COLUMN occurred_at timestamptz;
UPDATE event_ids SET entity_id = NULL WHERE entity IN ('sessions', 'clients');
CREATE INDEX event_ids_received ON event_ids (received_at);

CREATE TABLE feed_cursor (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), txid text NOT NULL, id uuid NOT NULL,
  read_at timestamptz NOT NULL DEFAULT now());
"""

CLOCK = """
CREATE TABLE schedules (
  name text PRIMARY KEY, due_at timestamptz NOT NULL, token bigint NOT NULL DEFAULT 0, lease_until timestamptz,
  failures int NOT NULL DEFAULT 0, last_error text, done_at timestamptz);

CREATE TABLE backfills (
  id uuid PRIMARY KEY, workspace_id uuid, since timestamptz, started_at timestamptz NOT NULL,
  at_workspace uuid, after_id uuid, asked bigint NOT NULL DEFAULT 0, finished_at timestamptz);
CREATE UNIQUE INDEX backfills_open ON backfills ((true)) WHERE finished_at IS NULL;
"""

ERASURE = """
ALTER TABLE tombstones ADD COLUMN asked_by text NOT NULL DEFAULT 'event' CHECK (asked_by IN ('event', 'operator', 'receipt'));

-- Every process asks once a second what was erased of late.
CREATE INDEX tombstones_recent ON tombstones (at);

CREATE TABLE erasures (
  id uuid PRIMARY KEY, workspace_id uuid NOT NULL,
  entity text NOT NULL CHECK (entity IN ('sessions', 'clients', 'workspaces')), entity_id uuid NOT NULL,
  at timestamptz NOT NULL, receipt jsonb NOT NULL, keyid text NOT NULL, signature bytea NOT NULL);
CREATE INDEX erasures_of ON erasures (workspace_id, entity, entity_id);

CREATE TABLE installation (
  one boolean PRIMARY KEY DEFAULT true CHECK (one), system_identifier text NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  restored_at timestamptz, asked_at timestamptz);
"""

# Which embedder's vectors a workspace's questions are compared with, and which other's are kept up beside them:
# before the switch the new one, after it (`switched`) the old one. `changed_at`: when another became active.
MODELS = """
CREATE TABLE index_models (
  workspace_id uuid PRIMARY KEY, active text NOT NULL, beside text, switched boolean NOT NULL DEFAULT false,
  changed_at timestamptz,
  CHECK (beside <> active), CHECK (beside IS NOT NULL OR NOT switched));
"""

# What is indexed already: a note's vectors were all of one model, and its digests become that model's. FORCE holds
# for the owner too, and would hide every row from this.
INDEXED = """
ALTER TABLE session_vectors NO FORCE ROW LEVEL SECURITY;
ALTER TABLE note_catalogue NO FORCE ROW LEVEL SECURITY;
INSERT INTO index_models (workspace_id, active)
SELECT DISTINCT ON (workspace_id) workspace_id, model FROM (
  SELECT workspace_id, model, count(*) AS vectors FROM session_vectors GROUP BY workspace_id, model) AS counted
ORDER BY workspace_id, vectors DESC;
UPDATE note_catalogue SET digests = COALESCE((
  SELECT jsonb_build_object(v.model, digests) FROM session_vectors v
  WHERE (v.workspace_id, v.entity, v.entity_id) = (note_catalogue.workspace_id, note_catalogue.entity, note_catalogue.entity_id)
  LIMIT 1), '{}');
ALTER TABLE session_vectors FORCE ROW LEVEL SECURITY;
ALTER TABLE note_catalogue FORCE ROW LEVEL SECURITY;
"""

# A row exactly while a rotation of data keys is unfinished: of one workspace, or under zeros of all.
KEYS = """
CREATE TABLE key_rotations (workspace_id uuid PRIMARY KEY, started_at timestamptz NOT NULL DEFAULT now());
"""

CONTENT_TABLES = ("index_models",)

GRANTS = """
GRANT USAGE ON SEQUENCE work_tokens TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT SELECT ON feed_cursor, schedules, backfills TO pazpaz_ai_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON feed_cursor, schedules, backfills TO pazpaz_ai_worker;
GRANT SELECT ON erasures, installation TO pazpaz_ai_api;
GRANT SELECT, INSERT ON erasures TO pazpaz_ai_worker;
GRANT SELECT, INSERT, UPDATE ON installation TO pazpaz_ai_worker;
GRANT SELECT ON index_models TO pazpaz_ai_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON index_models TO pazpaz_ai_worker;
GRANT UPDATE (kek_id, wrapped_seal, wrapped_index) ON workspace_keys TO pazpaz_ai_worker;
GRANT SELECT, INSERT, DELETE ON key_rotations TO pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    for script in (WORK, EVENTS, CLOCK, ERASURE, MODELS, INDEXED, KEYS):
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
    raise NotImplementedError("receipts of erasures are not dropped by a command")
