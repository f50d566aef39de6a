"""What is kept for years opens in every later version: what the version of November 2026 wrote, letter by letter.

Code that writes and reads in another way would pass each test that does both; here one side is fixed.
A line of this file that must change says: whatever is stored out there must be written anew.
"""

from datetime import UTC, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pazpaz_ai_client.signing import PrivateKey
from service.domain.erasure import Receipt, Subject
from service.security.chain import Checkpoint
from service.security.keys import KeyEncryptionKey, digest, text_digest
from service.security.receipts import from_json, holds, sign, to_json
from service.security.sealing import unseal
from tests.fakes import WORKSPACE

SECRET = bytes(range(32))
SIGNER = PrivateKey("ai-2026-11-a", Ed25519PrivateKey.from_private_bytes(SECRET))
MOMENT = datetime(2026, 11, 1, 9, tzinfo=UTC)

RECEIPT = """\
{
  "keyid": "ai-2026-11-a",
  "receipt": {
    "asked_by": "operator",
    "at": "2026-11-01T09:00:00+00:00",
    "entity": "clients",
    "entity_id": "00000000-0000-0000-0000-000000000006",
    "found": {
      "bags": 0
    },
    "id": "00000000-0000-0000-0000-000000000005",
    "remains": [
      "ids only: in the audit trail, in the tombstone that refuses late events, and in receipts",
      "deleted rows: in database pages and in the write-ahead log until these are recycled",
      "backups of the database until they expire: vectors readable, sealed columns under the workspace's key",
      "questions in conversations about the whole practice whose answers used none of these notes, until those expire"
    ],
    "removed": {
      "bags": 2
    },
    "workspace": "00000000-0000-0000-0000-000000000001"
  },
  "signature": "8WqULht3P3Aj+Vna2/vX2GovyRxn8oqFN/7RpZmgrfz/ZzHM3sObn1aWcAiGoy8F6fWjL4cLE9Uk4P4f0O1TDg=="
}
"""


def test_a_sealed_value_opens():
    """A value of a database, sealed under its key for its place."""
    blob = bytes.fromhex(
        "016465666768696a6b6c6d6e6f9fb209faae7c8103f64ed77992395080ac87c4717aef4d99"
    )
    place = ("turns", "workspace-1", "turn-1", "question")
    assert unseal(blob, key=SECRET, place=place).decode() == "שלום"


async def test_a_wrapped_key_opens_under_the_same_id():
    """A workspace's key, and the id by which its wrapping key is found."""
    kek = KeyEncryptionKey(SECRET)
    assert kek.id == "3a7eca916db08550"
    wrapped = bytes.fromhex(
        "016465666768696a6b6c6d6e6f481bde6679e9569e3e625fe8da656a"
        "fd42c2060a8b6cf372a7d1ac48fba3a54804573d7c67f9aa6ada9a4fe493e470c3"
    )
    place = ("workspace_keys", "workspace-1", "1", "seal")
    assert await kek.unwrap(wrapped, place=place) == bytes(32)


def test_a_digest_is_the_same():
    """Another one would call every note changed, and every quoted text."""
    assert digest(SECRET, "שלום", "\ud800", "") == "0d6a83f88c68f3b5bc4c910ca9798175"
    assert text_digest(SECRET, "plan", "rest") == "b2792c3817a2ab9f4292dd37bceaa587"


def test_a_checkpoint_is_signed_in_the_same_words():
    """The canonical form that its signature covers: each thing it says, and for whom."""
    point = Checkpoint(WORKSPACE, 3, bytes(32), MOMENT, SIGNER.keyid)
    told = (
        '{"at":"2026-11-01T09:00:00.000000Z","hash":"' + "00" * 32 + '","keyid":"ai-2026-11-a",'
        '"seq":3,"workspace":"00000000-0000-0000-0000-000000000001"}'
    )
    assert point.signed_bytes() == b"pazpaz-ai.audit-checkpoint.v1\n" + told.encode()


def test_a_receipt_holds():
    """A file that an auditor has kept; the same erasure gives the same file."""
    assert holds(from_json(RECEIPT), {SIGNER.keyid: SIGNER.public.key})
    subject = Subject(WORKSPACE, "clients", UUID(int=6))
    made = Receipt(UUID(int=5), subject, MOMENT, "operator", {"bags": 2}, {"bags": 0})
    assert to_json(sign(made, SIGNER)) == RECEIPT
