"""The keys of both sides, made for one test."""

from pathlib import Path

from pazpaz_ai_client.signing import (
    RING,
    KeyRing,
    MemoryNonceStore,
    PrivateKey,
    RequestVerifier,
    ResponseVerifier,
    Signer,
)


class Keys:
    """A key of PazPaz's and one of the service's, and who signs and verifies with them."""

    def __init__(self) -> None:
        self._pazpaz = PrivateKey.generate("ml-test")
        self._service = PrivateKey.generate("ai-test")

    def pazpaz_signer(self) -> Signer:
        return Signer(self._pazpaz, audience="pazpaz-ai")

    def service_signer(self) -> Signer:
        return Signer(self._service, audience="pazpaz-monolith")

    def answer_verifier(self) -> ResponseVerifier:
        return ResponseVerifier(KeyRing([self._pazpaz.public]))

    def event_verifier(self) -> RequestVerifier:
        return _verifier(self._pazpaz, audience="pazpaz-ai", direction="event")

    def pull_verifier(self) -> RequestVerifier:
        return _verifier(self._service, audience="pazpaz-monolith", direction="pull")

    def write(self, folder: Path) -> tuple[Path, Path]:
        """PazPaz's key folder and the service's ring."""
        ours, theirs = folder / "ours", folder / "theirs.json"
        ours.mkdir(mode=0o700)
        (ours / RING).write_text(KeyRing([self._pazpaz.public]).to_json())
        pem = ours / f"{self._pazpaz.keyid}.pem"
        pem.touch(mode=0o600)
        pem.write_bytes(self._pazpaz.to_pem())
        theirs.write_text(KeyRing([self._service.public]).to_json())
        return ours, theirs


def _verifier(key: PrivateKey, *, audience: str, direction: str) -> RequestVerifier:
    return RequestVerifier(
        keys=KeyRing([key.public]),
        audience=audience,
        direction=direction,
        nonces=MemoryNonceStore(),
        accept_without_nonce_store=False,
    )
