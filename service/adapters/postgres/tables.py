"""The tables, by their names and types; keys, checks, defaults and walls are the migrations'."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from service.adapters.postgres.halfvec import Halfvec
from service.domain.erasure import SHUT
from service.vectors import DIMENSION

metadata = MetaData()


def _table(name: str, /, **columns: type | object) -> Table:
    return Table(name, metadata, *(Column(key, kind) for key, kind in columns.items()))  # type: ignore[arg-type]


INSTANT = DateTime(timezone=True)

workspace_keys = _table(
    "workspace_keys",
    workspace_id=Uuid,
    epoch=Integer,
    kek_id=Text,
    wrapped_seal=LargeBinary,
    wrapped_index=LargeBinary,
    created_at=INSTANT,
)
key_rotations = _table("key_rotations", workspace_id=Uuid, started_at=INSTANT)
index_epoch = _table("index_epoch", workspace_id=Uuid, epoch=BigInteger)
index_changes = _table(
    "index_changes", workspace_id=Uuid, epoch=BigInteger, entity=Text, entity_id=Uuid
)
note_catalogue = _table(
    "note_catalogue",
    workspace_id=Uuid,
    entity=Text,
    entity_id=Uuid,
    client_id=Uuid,
    day=Date,
    state=Text,
    version=Integer,
    updated_at=INSTANT,
    digests=JSONB,
    texts=JSONB,
    is_searched=Boolean,
    key_epoch=Integer,
    sealed=LargeBinary,
)
session_vectors = _table(
    "session_vectors",
    workspace_id=Uuid,
    id=Uuid,
    entity=Text,
    entity_id=Uuid,
    client_id=Uuid,
    day=Date,
    field=Text,
    chunk=Integer,
    model=Text,
    embedding=Halfvec(DIMENSION),
    coded=Boolean,
)
vector_codes = _table(
    "vector_codes",
    workspace_id=Uuid,
    model=Text,
    entity=Text,
    entity_id=Uuid,
    fields=Text,
    codes=LargeBinary,
)
sealed_vectors = _table(
    "sealed_vectors",
    workspace_id=Uuid,
    entity=Text,
    entity_id=Uuid,
    model=Text,
    client_id=Uuid,
    day=Date,
    key_epoch=Integer,
    chunks=Integer,
    sealed=LargeBinary,
    codes=LargeBinary,
)
bags = _table(
    "bags",
    workspace_id=Uuid,
    entity=Text,
    entity_id=Uuid,
    client_id=Uuid,
    day=Date,
    key_epoch=Integer,
    sealed=LargeBinary,
)
conversations = _table(
    "conversations",
    workspace_id=Uuid,
    id=Uuid,
    user_id=Uuid,
    client_id=Uuid,
    started_at=INSTANT,
)
turns = _table(
    "turns",
    workspace_id=Uuid,
    id=Uuid,
    conversation_id=Uuid,
    asked_at=INSTANT,
    key_epoch=Integer,
    question=LargeBinary,
    sentences=ARRAY(LargeBinary),
    outcome=JSONB,
)
turn_sources = _table(
    "turn_sources",
    workspace_id=Uuid,
    turn_id=Uuid,
    sentence=Integer,
    entity=Text,
    entity_id=Uuid,
    client_id=Uuid,
    version=Integer,
    updated_at=INSTANT,
    texts=JSONB,
)
feedback = _table(
    "feedback",
    workspace_id=Uuid,
    turn_id=Uuid,
    user_id=Uuid,
    rating=Text,
    reason=Text,
    at=INSTANT,
)
work = _table(
    "work",
    workspace_id=Uuid,
    kind=Text,
    key=Uuid,
    background=Boolean,
    wanted=BigInteger,
    done=BigInteger,
    token=BigInteger,
    lease_until=INSTANT,
    attempts=Integer,
    not_before=INSTANT,
    parked_at=INSTANT,
    last_error=Text,
    first_wanted_at=INSTANT,
)
event_ids = _table(
    "event_ids",
    id=Uuid,
    received_at=INSTANT,
    workspace_id=Uuid,
    entity=Text,
    entity_id=Uuid,
    kind=Text,
    occurred_at=INSTANT,
)
feed_cursor = _table("feed_cursor", one=Boolean, txid=Text, id=Uuid, read_at=INSTANT)
"""`read_at` is for an operator's eye: when the feed was last gone on with."""
schedules = _table(
    "schedules",
    name=Text,
    due_at=INSTANT,
    token=BigInteger,
    lease_until=INSTANT,
    failures=Integer,
    last_error=Text,
    done_at=INSTANT,
)
backfills = _table(
    "backfills",
    id=Uuid,
    workspace_id=Uuid,
    since=INSTANT,
    started_at=INSTANT,
    at_workspace=Uuid,
    after_id=Uuid,
    asked=BigInteger,
    finished_at=INSTANT,
)
erasures = _table(
    "erasures",
    id=Uuid,
    workspace_id=Uuid,
    entity=Text,
    entity_id=Uuid,
    at=INSTANT,
    receipt=JSONB,
    keyid=Text,
    signature=LargeBinary,
)
installation = _table(
    "installation",
    one=Boolean,
    system_identifier=Text,
    oids=Text,
    timeline=Integer,
    made_at=INSTANT,
    restored_at=INSTANT,
    asked_at=INSTANT,
)
"""`made_at` is for an operator's eye: when this database was first noted."""
index_models = _table(
    "index_models",
    workspace_id=Uuid,
    active=Text,
    beside=Text,
    switched=Boolean,
    changed_at=INSTANT,
)
tombstones = _table(
    "tombstones", workspace_id=Uuid, entity=Text, entity_id=Uuid, at=INSTANT, asked_by=Text
)

audit = _table(
    "audit",
    workspace_id=Uuid,
    seq=BigInteger,
    at=INSTANT,
    action=Text,
    user_id=Uuid,
    chat_id=Uuid,
    details=JSONB,
    previous=LargeBinary,
    hash=LargeBinary,
)
audit_checkpoints = _table(
    "audit_checkpoints",
    workspace_id=Uuid,
    seq=BigInteger,
    hash=LargeBinary,
    at=INSTANT,
    keyid=Text,
    signature=LargeBinary,
)
audit_heads = _table(
    "audit_heads",
    workspace_id=Uuid,
    seq=BigInteger,
    forwarded=BigInteger,
    checkpointed=BigInteger,
)
open_chats = _table("open_chats", workspace_id=Uuid, chat_id=Uuid, user_id=Uuid, opened_at=INSTANT)
switches = _table("switches", workspace_id=Uuid, name=Text, value=JSONB, changed_at=INSTANT)
spending = _table(
    "spending",
    workspace_id=Uuid,
    day=Date,
    questions=Integer,
    asking_micros=BigInteger,
    indexing_micros=BigInteger,
)

WORKSPACE_STONES = ("workspaces", SHUT)
"""Tombstones that stop a whole workspace: PazPaz purged it, or we found it suspended or deleted."""

CONTENT_TABLES = (
    workspace_keys,
    index_epoch,
    index_models,
    index_changes,
    note_catalogue,
    session_vectors,
    vector_codes,
    sealed_vectors,
    bags,
    conversations,
    turns,
    turn_sources,
    feedback,
    audit,
    audit_checkpoints,
)
"""Behind row-level security; only `Database.tenant_tx` opens them."""
SYSTEM_TABLES = (
    work,
    event_ids,
    tombstones,
    audit_heads,
    open_chats,
    switches,
    spending,
    feed_cursor,
    schedules,
    backfills,
    key_rotations,
    erasures,
    installation,
)
"""Ids, kinds, times and amounts only; behind grants."""
