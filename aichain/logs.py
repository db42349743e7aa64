"""Logging set-up: human or JSON lines on stdlib logging, and no secrets in either."""

import json
import logging
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

# Attributes of every LogRecord; whatever else a record has came from `extra=` and is shown.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_WORDS = ("seed", "secret", "passphrase", "password", "private", "mnemonic", "token")
_HIDDEN = "(hidden)"
_HEX_BYTES_SHOWN = 32
_HUMAN_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warn", "ERROR": "error"}


_ROOMS = ("aichain", "consensus", "vm", "p2p", "genesis", "native")


class LogStream(Protocol):
    """Where lines go: each is one call."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class LogStyle(StrEnum):
    """How lines look."""

    HUMAN = "human"
    JSON = "json"


def configure_logging(
    style: LogStyle,
    level: str,
    stream: LogStream,
    *,
    file: LogStream | None = None,
    levels: Mapping[str, str] | None = None,
) -> None:
    """Send everything to `stream`, and to `file` as well.

    `levels` overrides the level per module ("p2p": "debug"). Replaces what an earlier call set up.
    Libraries speak from WARNING on: they log what peers send them, which is not for us to print.
    """
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, JsonFormatter | HumanFormatter):
            root.removeHandler(old)
    for each in (stream,) if file is None else (stream, file):
        handler = _Handler(each)
        handler.setFormatter(JsonFormatter() if style is LogStyle.JSON else HumanFormatter())
        root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for room in _ROOMS:
        logging.getLogger(room).setLevel(level.upper())
    for module, wanted in (levels or {}).items():
        logging.getLogger(module).setLevel(wanted.upper())


class LogLevel(StrEnum):
    """How much is said, from most to least."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def set_log_level(level: LogLevel, module: str | None) -> bool:
    """Of one module of ours and what is in it, or of all that is ours; False if there is none such.

    A module that was set by itself keeps its level until it is named again.
    """
    if module is not None and not _is_ours(module):
        return False
    for name in _ROOMS if module is None else (module,):
        logging.getLogger(name).setLevel(level.upper())
    return True


def _is_ours(module: str) -> bool:
    """Asking for the logger of a name makes one, so only names that exist are asked for."""
    return module in _ROOMS or (
        module.partition(".")[0] in _ROOMS and module in logging.root.manager.loggerDict
    )


class _Handler(logging.StreamHandler[LogStream]):
    """A log whose disk is full, or that nobody reads any more, costs its lines and nothing else;
    stdlib would write a traceback for each of them to a stderr that may be the same file."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 its name in logging
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, module, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time_ms": int(record.created * 1000),
            "level": record.levelname.lower(),
            "module": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class HumanFormatter(logging.Formatter):
    """`12:00:00.123 info  node.engine  block final  height=7`, in local time."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        level = _HUMAN_LEVELS.get(record.levelname, record.levelname.lower())
        module = record.name.removeprefix("aichain.")
        message = _printable(record.getMessage())
        line = f"{self.formatTime(record)} {level:5} {module}  {message}"
        fields = "  ".join(f"{name}={value}" for name, value in _fields(record).items())
        if fields:
            line += "  " + fields
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _fields(record: logging.LogRecord) -> dict[str, object]:
    extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {name: _HIDDEN if _is_secret(name) else _show(value) for name, value in extra.items()}


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)


def _show(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray):
        shown = "0x" + bytes(value[:_HEX_BYTES_SHOWN]).hex()
        return shown if len(value) <= _HEX_BYTES_SHOWN else f"{shown}…({len(value)} bytes)"
    return _printable(str(value))


def _printable(text: str) -> str:
    """Newlines and escapes that came from outside must not look like lines or colours of ours."""
    return text if text.isprintable() else ascii(text)
