"""The outbox of the models in `host_models`, and sessions that are listened to."""

from host_models import Base, Client, SessionModel, User, Workspace
from sqlalchemy.orm import Session

from pazpaz_ai_client.outbox import EntityMapping, OutboxMixin, install_outbox


class AiOutbox(OutboxMixin, Base):
    __tablename__ = "ai_outbox"


class HostSession(Session):
    """The sync class under PazPaz's AsyncSession."""


MAPPINGS = [
    EntityMapping(SessionModel, "sessions", lambda note: note.workspace_id),
    EntityMapping(Client, "clients", lambda client: client.workspace_id),
    EntityMapping(Workspace, "workspaces", lambda workspace: workspace.id),
    EntityMapping(User, "users", lambda user: user.workspace_id),
]
install_outbox(HostSession, AiOutbox, MAPPINGS)
