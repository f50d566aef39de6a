"""The first schema: content behind row-level security, system tables behind grants."""

from alembic import op

revision = "2026_11_23_the_house"
down_revision = None
branch_labels = None
depends_on = None

# Group roles. Operators create logins IN ROLE these; nobody but the migrating login owns anything.
ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pazpaz_ai_api') THEN CREATE ROLE pazpaz_ai_api NOLOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'pazpaz_ai_worker') THEN CREATE ROLE pazpaz_ai_worker NOLOGIN; END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another migration made them at the same moment
END $$;
"""

# Raising, not comparing: after a transaction the setting is '' and a silent empty set would read as 'no notes'.
WALL = """
CREATE FUNCTION app_workspace() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
DECLARE value text := current_setting('app.workspace_id', true);
BEGIN
  IF value IS NULL OR value = '' THEN RAISE EXCEPTION 'app.workspace_id is not set' USING ERRCODE = '42501'; END IF;
  RETURN value::uuid;
END $$;
"""

CONTENT = """
CREATE TABLE workspace_keys (
  workspace_id uuid NOT NULL, epoch int NOT NULL, kek_id text NOT NULL,
  wrapped_seal bytea NOT NULL, wrapped_index bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, epoch));

CREATE TABLE index_epoch (workspace_id uuid PRIMARY KEY, epoch bigint NOT NULL);

CREATE TABLE note_catalogue (
  workspace_id uuid NOT NULL, entity text NOT NULL CHECK (entity IN ('sessions', 'clients')), entity_id uuid NOT NULL,
  client_id uuid NOT NULL, day date,
  state text NOT NULL CHECK (state IN ('active', 'draft', 'archived')),
  version int, updated_at timestamptz NOT NULL, digests jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (workspace_id, entity, entity_id));
CREATE INDEX note_catalogue_client ON note_catalogue (workspace_id, client_id);

CREATE TABLE session_vectors (
  workspace_id uuid NOT NULL, id uuid NOT NULL DEFAULT gen_random_uuid(),
  entity text NOT NULL CHECK (entity IN ('sessions', 'clients')), entity_id uuid NOT NULL, client_id uuid NOT NULL, day date,
  field text NOT NULL, chunk int NOT NULL, model text NOT NULL, embedding halfvec(1024) NOT NULL,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, entity, entity_id, field, chunk, model),
  FOREIGN KEY (workspace_id, entity, entity_id) REFERENCES note_catalogue ON DELETE CASCADE);
-- Out of line, an exact scan of 10,000 vectors costs 8.3 times as much; 2 KB fit a page in line.
ALTER TABLE session_vectors ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX session_vectors_client ON session_vectors (workspace_id, client_id);

CREATE TABLE bags (
  workspace_id uuid NOT NULL, entity text NOT NULL, entity_id uuid NOT NULL, client_id uuid NOT NULL, day date,
  key_epoch int NOT NULL, sealed bytea NOT NULL,
  PRIMARY KEY (workspace_id, entity, entity_id),
  FOREIGN KEY (workspace_id, entity, entity_id) REFERENCES note_catalogue ON DELETE CASCADE);

CREATE TABLE conversations (
  workspace_id uuid NOT NULL, id uuid NOT NULL, user_id uuid NOT NULL, client_id uuid,
  started_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id));
CREATE INDEX conversations_newest ON conversations (workspace_id, user_id, started_at DESC);

CREATE TABLE turns (
  workspace_id uuid NOT NULL, id uuid NOT NULL, conversation_id uuid NOT NULL, asked_at timestamptz NOT NULL,
  key_epoch int NOT NULL, question bytea, sentences bytea[] NOT NULL, outcome jsonb NOT NULL,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, conversation_id) REFERENCES conversations ON DELETE CASCADE);
CREATE INDEX turns_conversation ON turns (workspace_id, conversation_id, asked_at);

CREATE TABLE turn_sources (
  workspace_id uuid NOT NULL, turn_id uuid NOT NULL, sentence int NOT NULL,
  entity text NOT NULL, entity_id uuid NOT NULL, client_id uuid NOT NULL,
  PRIMARY KEY (workspace_id, turn_id, sentence, entity, entity_id),
  FOREIGN KEY (workspace_id, turn_id) REFERENCES turns ON DELETE CASCADE);
CREATE INDEX turn_sources_note ON turn_sources (workspace_id, entity, entity_id);
"""

CONTENT_TABLES = (
    "workspace_keys",
    "index_epoch",
    "note_catalogue",
    "session_vectors",
    "bags",
    "conversations",
    "turns",
    "turn_sources",
)

SYSTEM = """
CREATE TABLE work (
  workspace_id uuid NOT NULL, kind text NOT NULL CHECK (kind IN ('sessions', 'clients', 'workspaces')), key uuid NOT NULL,
  wanted bigint NOT NULL, done bigint NOT NULL DEFAULT 0, token bigint NOT NULL DEFAULT 0,
  lease_until timestamptz, attempts int NOT NULL DEFAULT 0, not_before timestamptz NOT NULL,
  parked_at timestamptz, last_error text, first_wanted_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, kind, key));
CREATE INDEX work_open ON work (not_before) WHERE wanted > done AND parked_at IS NULL;

CREATE TABLE event_ids (id uuid PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());

CREATE TABLE tombstones (
  workspace_id uuid NOT NULL, entity text NOT NULL, entity_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, entity, entity_id));
"""

GRANTS = """
REVOKE ALL ON FUNCTION app_workspace() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app_workspace() TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT SELECT, INSERT ON workspace_keys TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT DELETE ON workspace_keys TO pazpaz_ai_worker;
GRANT SELECT ON index_epoch, note_catalogue, session_vectors, bags TO pazpaz_ai_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON index_epoch, note_catalogue, session_vectors, bags TO pazpaz_ai_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON conversations, turns, turn_sources TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT SELECT, INSERT, UPDATE ON work TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT DELETE ON work TO pazpaz_ai_worker;
GRANT SELECT, INSERT ON event_ids, tombstones TO pazpaz_ai_api;
GRANT SELECT, INSERT, DELETE ON event_ids, tombstones TO pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute(ROLES)
    op.execute(WALL)
    for statement in _statements(CONTENT) + _statements(SYSTEM):
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
    raise NotImplementedError("the first schema has nothing before it; drop the database instead")
