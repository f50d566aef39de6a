"""A client's catalogue row gets a sealed part, which holds their names."""

from alembic import op

revision = "2026_11_29_names"
down_revision = "2026_11_23_the_memory"
branch_labels = None
depends_on = None

# Empty until a client is looked at again; the version before neither reads it nor clears it. A right on a table holds
# for its new columns, so nothing is granted here.
NAMES = """
ALTER TABLE note_catalogue
  ADD COLUMN key_epoch int, ADD COLUMN sealed bytea,
  ADD CONSTRAINT note_catalogue_sealed CHECK ((key_epoch IS NULL) = (sealed IS NULL));
"""


def upgrade() -> None:
    op.execute(NAMES)


def downgrade() -> None:
    raise NotImplementedError(
        "names are sealed with keys that a rotation of the version before would destroy"
    )
