"""Reads the details of a status: `google.rpc.Status` with `ErrorInfo`, `BadRequest` and `RetryInfo`.

These messages belong to `googleapis-common-protos`. Four fields of them are read here, so that the package needs no
further dependency, and cannot be in the way of a program's own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

Value = int | bytes


@dataclass(frozen=True)
class Details:
    """What a status says in addition to its code and its message."""

    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None


def details_from(status: bytes | None) -> Details:
    """Returns the details in the bytes of a `google.rpc.Status`; empty ones for bytes that are none."""
    try:
        return _read(status or b"")
    except (ValueError, IndexError, UnicodeDecodeError):
        return Details()


def _read(status: bytes) -> Details:
    reason: str | None = None
    metadata: dict[str, str] = {}
    violations: list[tuple[str, str]] = []
    retry_after: float | None = None
    for packed in _all(status, 3):
        kind = _text(packed, 1).rpartition("/")[2]
        body = next(_all(packed, 2), b"")
        if kind == "google.rpc.ErrorInfo":
            reason = _text(body, 1) or None
            metadata = {_text(entry, 1): _text(entry, 2) for entry in _all(body, 3)}
        elif kind == "google.rpc.BadRequest":
            violations += [(_text(one, 1), _text(one, 2)) for one in _all(body, 1)]
        elif kind == "google.rpc.RetryInfo":
            delay = next(_all(body, 1), b"")
            retry_after = _number(delay, 1) + _number(delay, 2) / 1e9
    return Details(reason, metadata, tuple(violations), retry_after)


def _fields(message: bytes) -> Iterator[tuple[int, Value]]:
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif kind == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            yield tag >> 3, message[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            raise ValueError("groups are not read")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number is too long")


def _all(message: bytes, number: int) -> Iterator[bytes]:
    return (value for at, value in _fields(message) if at == number and isinstance(value, bytes))


def _text(message: bytes, number: int) -> str:
    return next(_all(message, number), b"").decode("utf-8", "replace")


def _number(message: bytes, number: int) -> int:
    return next((value for at, value in _fields(message) if at == number and isinstance(value, int)), 0)
