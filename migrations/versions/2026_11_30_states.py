"""What every question asks of its workspace's index, as a function: one statement for all who ask at once."""

from alembic import op

revision = "2026_11_30_states"
down_revision = "2026_11_30_fast"
branch_labels = None
depends_on = None

# With the rights of whoever calls it, so that it opens no more than a transaction of that login would: it says whose the
# look is, and looks behind the walls. Both tables in one snapshot, so that no write lies between the two.
STATE = """
CREATE FUNCTION index_state(workspace uuid, OUT epoch bigint, OUT active text, OUT beside text)
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  PERFORM set_config('app.workspace_id', workspace::text, true);
  SELECT e.epoch, m.active, m.beside INTO epoch, active, beside
  FROM public.index_epoch e LEFT JOIN public.index_models m ON m.workspace_id = e.workspace_id
  WHERE e.workspace_id = workspace;
  epoch := COALESCE(epoch, 0);
END $$
"""
GRANTS = (
    "REVOKE ALL ON FUNCTION index_state(uuid) FROM PUBLIC",
    "GRANT EXECUTE ON FUNCTION index_state(uuid) TO pazpaz_ai_api, pazpaz_ai_worker",
)


def upgrade() -> None:
    for statement in (STATE, *GRANTS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION index_state(uuid)")
