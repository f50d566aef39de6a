"""structlog, one JSON line an event, with a guard that lets ids, counts and short codes through and nothing else."""

import logging
import re
import sys
from collections.abc import Mapping
from datetime import date
from enum import Enum
from importlib.metadata import version
from typing import Any
from uuid import UUID

import structlog
from structlog.typing import EventDict, WrappedLogger

# Ids, codes, host names, route templates: ASCII without blanks. Prose has blanks or is not ASCII.
_CODE = re.compile(r"[A-Za-z0-9_.:/@=,{}\[\]+-]{0,120}")
WITHHELD = "[withheld]"


def guard(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replaces every value that could be something a patient or therapist wrote."""
    return {key: safe(value) for key, value in event.items()}


def safe(value: Any) -> Any:
    """The value, where it is a number, an id, a day or a code; else a word that says that it was withheld."""
    if value is None or isinstance(value, bool | int | float | UUID | date):
        return value if isinstance(value, bool | int | float) or value is None else str(value)
    if isinstance(value, Enum):
        return safe(value.value)
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    return WITHHELD


def name_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Keeps an exception's type and where it was raised; its message may quote a note."""
    raised = event.pop("exc_info", None)
    error = sys.exc_info()[1] if raised is True else raised
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["raised_at"] = place(error)
    return event


def place(error: BaseException) -> str:
    """The module and line that raised an error: all that may be told of it beside its type."""
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    if frame is None:
        return "unknown"
    return f"{frame.tb_frame.f_globals.get('__name__', '?')}:{frame.tb_lineno}"


class _StdlibBridge(logging.Handler):
    """Lines of libraries: their logger and level only, because a message of theirs may quote a payload."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: Mapping[str, Any] = {"logger": record.name, "level_name": record.levelname.lower()}
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning("library.log", exc_info=error, **fields)


def tell_started(part: str, **settings: str) -> None:
    """Which version serves from now on, and with what: a silent log is taken for a process that hangs."""
    structlog.get_logger().info(f"{part}.started", version=version("pazpaz-ai"), **settings)


def tell_stopped(part: str) -> None:
    """It ended as it was told to, with everything closed."""
    structlog.get_logger().info(f"{part}.stopped")


def configure_logs(level: str) -> None:
    """Sets up structlog and takes over the stdlib's root logger."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            name_exception,
            guard,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_StdlibBridge()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)  # a library's warning may quote a value as well
