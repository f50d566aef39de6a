"""The audit trail, the switches, and what a changed login or workspace tells every process."""

from alembic import op

revision = "2026_11_23_the_doors"
down_revision = "2026_11_23_the_house"
branch_labels = None
depends_on = None

# `previous` is stored, not looked up: the chain can be checked from any row on, after old rows went.
CONTENT = """
CREATE TABLE audit (
  workspace_id uuid NOT NULL, seq bigint NOT NULL CHECK (seq > 0), at timestamptz NOT NULL,
  action text NOT NULL, user_id uuid, chat_id uuid, details jsonb NOT NULL,
  previous bytea NOT NULL, hash bytea NOT NULL,
  PRIMARY KEY (workspace_id, seq));
CREATE UNIQUE INDEX audit_one_opening ON audit (workspace_id, chat_id) WHERE action = 'chat.opened';
CREATE UNIQUE INDEX audit_one_closing ON audit (workspace_id, chat_id) WHERE action = 'chat.closed';

CREATE TABLE audit_checkpoints (
  workspace_id uuid NOT NULL, seq bigint NOT NULL, hash bytea NOT NULL, at timestamptz NOT NULL,
  keyid text NOT NULL, signature bytea NOT NULL,
  PRIMARY KEY (workspace_id, seq));
"""

CONTENT_TABLES = ("audit", "audit_checkpoints")

# Counters and ids only: by these the worker knows whose chains to look at, without seeing into any.
SYSTEM = """
CREATE TABLE audit_heads (
  workspace_id uuid PRIMARY KEY, seq bigint NOT NULL,
  forwarded bigint NOT NULL DEFAULT 0, checkpointed bigint NOT NULL DEFAULT 0);

CREATE TABLE open_chats (
  workspace_id uuid NOT NULL, chat_id uuid NOT NULL, user_id uuid NOT NULL, opened_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, chat_id));
CREATE INDEX open_chats_oldest ON open_chats (opened_at);

CREATE TABLE switches (
  workspace_id uuid NOT NULL, name text NOT NULL CHECK (name IN ('assistant', 'allowed_roles', 'require_consent')),
  value jsonb NOT NULL, changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name));

ALTER TABLE event_ids ADD COLUMN workspace_id uuid, ADD COLUMN entity text, ADD COLUMN entity_id uuid;
CREATE INDEX event_ids_of_people ON event_ids (received_at) WHERE entity IN ('users', 'workspaces');
"""

# Privileges hold for our logins; the trigger holds for the owner too. What is older than the law asks may go.
APPEND_ONLY = """
CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.at < now() - interval '24 months' THEN RETURN OLD; END IF;
  RAISE EXCEPTION 'the audit trail is append-only' USING ERRCODE = '42501';
END $$
"""

GRANTS = """
GRANT SELECT, INSERT ON audit TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT SELECT ON audit_checkpoints TO pazpaz_ai_api;
GRANT SELECT, INSERT ON audit_checkpoints TO pazpaz_ai_worker;
GRANT SELECT, INSERT (workspace_id, seq), UPDATE (seq) ON audit_heads TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT UPDATE (forwarded, checkpointed) ON audit_heads TO pazpaz_ai_worker;
GRANT SELECT, INSERT, DELETE ON open_chats TO pazpaz_ai_api, pazpaz_ai_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON switches TO pazpaz_ai_api, pazpaz_ai_worker;
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    for statement in _statements(CONTENT) + _statements(SYSTEM):
        op.execute(statement)
    op.execute(APPEND_ONLY)
    for table in CONTENT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY workspace ON {table} USING (workspace_id = (SELECT app_workspace()))"
            " WITH CHECK (workspace_id = (SELECT app_workspace()))"
        )
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION audit_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()"
        )
    for statement in _statements(GRANTS):
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("an audit trail is not dropped by a command")
