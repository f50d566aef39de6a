"""The failures this service names. No HTTP here: the worker raises the same errors.

The docstring of a class is its public title; `code` is what logs, metrics and `last_error` say.
"""

from typing import ClassVar, Literal


class ServiceError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    retry_after: float | None = None
    """Seconds after which the caller may try again, where that makes sense."""
    recorded: bool = False
    """Whether the audit trail tells of it already."""

    def __init__(self, *, retry_after: float | None = None) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after if retry_after is not None else type(self).retry_after


def why(error: BaseException) -> str:
    """What an error goes back to, by its type's name and its rule: the message may quote a note or an address."""
    while isinstance(
        error.__cause__, Exception
    ):  # a limit of time goes back to a cancellation, which says nothing
        error = error.__cause__
    rule = getattr(error, "rule", None)
    return f"{type(error).__name__}:{rule}" if rule else type(error).__name__


class BadSettings(ServiceError):
    """A setting is missing or wrong."""

    code = "bad_settings"

    def __init__(self, message: str) -> None:
        super().__init__()
        self.message = message

    def __str__(self) -> str:
        return self.message


class MalformedRequest(ServiceError):
    """The request is not of the expected shape."""

    code = "malformed"


class BodyTooLarge(ServiceError):
    """The request body is too large."""

    code = "too_large"


class WrongMediaType(ServiceError):
    """The request body must be JSON."""

    code = "wrong_media_type"


class NotAuthenticated(ServiceError):
    """A valid sign-in is required."""

    code = "not_authenticated"


class NotAllowed(ServiceError):
    """This account may not use the assistant."""

    code = "not_allowed"


class WorkspaceSuspended(NotAllowed):
    """The workspace is suspended."""

    code = "workspace_suspended"


class NoConsent(NotAllowed):
    """This client has not consented to the assistant."""

    code = "no_consent"


class ClientNotFound(ServiceError):
    """No such client."""

    code = "client_not_found"


class ClientNeeded(ServiceError):
    """A summary, or a preparation, is of one client, and none was named."""

    code = "client_needed"


class ConversationNotFound(ServiceError):
    """No such conversation."""

    code = "conversation_not_found"


class MessageNotFound(ServiceError):
    """No such message."""

    code = "message_not_found"


class ScopeFixed(ServiceError):
    """This conversation belongs to another client or to the whole practice."""

    code = "scope_fixed"


class AllowanceUsed(ServiceError):
    """The hourly allowance of questions is used up."""

    code = "allowance_used"


class TooManyAtOnce(AllowanceUsed):
    """This practice has as many questions under way as it may have at once."""

    code = "too_many_at_once"
    retry_after = 2.0


class Unavailable(ServiceError):
    """A part this needs is away for the moment."""

    code = "unavailable"
    retry_after = 5.0


class SwitchedOff(Unavailable):
    """The assistant is switched off."""

    code = "switched_off"
    retry_after = 300.0


class Busy(Unavailable):
    """As many questions are under way as this process can carry."""

    code = "busy"
    retry_after = 2.0


class SourceUnavailable(Unavailable):
    """PazPaz cannot be reached, or its answer cannot be trusted."""

    code = "source_away"


class StoreUnavailable(Unavailable):
    """The database cannot be reached."""

    code = "store_away"


ModelFailure = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "server_error",
    "cut",
    "garbage",
    "refused",
    "denied",
    "circuit_open",
    "busy",
    "no_budget",
    "not_runnable",
]
"""Why a model gave nothing that can be used. Cut: an answer that broke off. Garbage: an answer that makes no sense.
Refused: what was sent is at fault, and would be again, or the model will not speak of it.
Denied: our key, our account or the model's name is at fault.
Circuit open, busy, no budget: nothing was sent at all.
Not runnable: a model that this process has not."""


class ModelUnavailable(Unavailable):
    """The language model cannot be reached, or its answer cannot be trusted."""

    code = "model_away"

    def __init__(
        self, reason: ModelFailure = "garbage", *, retry_after: float | None = None
    ) -> None:
        super().__init__(retry_after=retry_after)
        self.reason = reason
        self.asked_wait = retry_after
        """The seconds somebody asked for; None where nobody did, and `retry_after` is only this class's advice."""

    @property
    def blames_the_text(self) -> bool:
        """Whether the same text would meet the same answer again, however well the provider is."""
        return self.reason == "refused"


class OutOfTime(Unavailable):
    """The answer took longer than a question may take."""

    code = "out_of_time"


class KeyUnavailable(Unavailable):
    """A workspace key cannot be opened."""

    code = "key_away"


class ChatAlreadyClosed(Unavailable):
    """This question took so long that it was recorded as ended without an answer."""

    code = "closed_already"


class SchemaBusy(ServiceError):
    """A table that a migration changes did not come free; nothing of that migration was done. Run it again."""

    code = "schema_busy"


class SealBroken(ServiceError):
    """Sealed data does not open: wrong key, wrong place, or altered."""

    code = "seal_broken"


class NoteUnreadable(ServiceError):
    """PazPaz could not hand out this note's text."""

    code = "note_unreadable"


class BadReceipt(ServiceError):
    """This is no receipt of an erasure."""

    code = "bad_receipt"


class ReceiptNotWritten(Unavailable):
    """The folder of receipts cannot be read or written."""

    code = "receipt_not_written"


class TracesLeft(ServiceError):
    """An erasure would have left traces, and was not done."""

    code = "traces_left"


class Restoring(Unavailable):
    """The database was restored, and is being brought up to date."""

    code = "restoring"
    retry_after = 60.0
