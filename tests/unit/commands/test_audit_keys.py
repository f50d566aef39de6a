"""The keys that checkpoints are checked with: from a given ring, or our folder."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pazpaz_ai_client.signing import KeyRing, PrivateKey, PublicKey
from service.commands.audit_keys import checkpoint_keys
from service.errors import BadSettings
from service.settings import AuditSettings, load

NEW, OLD = PrivateKey.generate("ai-2026-11-a"), PrivateKey.generate("ai-2025-11-a")


def ring(path: Path) -> Path:
    """Our public keys, one of them retired."""
    retired = PublicKey(OLD.keyid, OLD.key.public_key(), datetime(2026, 1, 1, tzinfo=UTC))
    path.write_text(KeyRing([NEW.public, retired]).to_json())
    return path


def settings(**given: Path) -> AuditSettings:
    return load(AuditSettings, database_url="postgresql://x/y", **given)


def test_a_retired_key_counts(tmp_path):
    """What it signed before still stands; a given file goes before the settings."""
    given = ring(tmp_path / "ours.json")
    found = checkpoint_keys(settings(signing_keys_dir=tmp_path / "nothing"), given)
    assert found.keys() == {NEW.keyid, OLD.keyid}


def test_without_a_file_our_own_keys_are_taken(tmp_path):
    """From the folder of our keys."""
    ring(tmp_path / "keys.json")
    assert len(checkpoint_keys(settings(signing_keys_dir=tmp_path), None)) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"keys": [{}]}', "\udcff"])
def test_a_file_that_is_no_ring_is_said_in_one_line(tmp_path, content):
    """With the name of the option or setting, and nothing of the content."""
    file = tmp_path / "keys.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BadSettings, match="--keys: not a list of public keys"):
        checkpoint_keys(settings(), file)
    with pytest.raises(BadSettings, match="SIGNING_KEYS_DIR: not a list of public keys"):
        checkpoint_keys(settings(signing_keys_dir=tmp_path), None)


def test_missing_keys_are_asked_for(tmp_path, monkeypatch):
    """No key, no verdict on a signature."""
    monkeypatch.delenv("SIGNING_KEYS_DIR", raising=False)
    with pytest.raises(BadSettings, match="--keys: name the file"):
        checkpoint_keys(settings(), None)
    with pytest.raises(BadSettings, match="SIGNING_KEYS_DIR: cannot be read"):
        checkpoint_keys(settings(signing_keys_dir=tmp_path), None)
