"""Which of a server's databases this is, and whether another server took over: a dump that was put back into the same
server is noticed by itself."""

from alembic import op

revision = "2026_11_30_oids"
down_revision = "2026_11_30_lookups"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE installation ADD COLUMN oids text, ADD COLUMN timeline int")


def downgrade() -> None:
    op.execute("ALTER TABLE installation DROP COLUMN oids, DROP COLUMN timeline")
