"""Errors of a service that has another version than this client, in words. Only after such an error it is asked."""

from __future__ import annotations

import re

from .._version import __version__
from .effects import Flow, Unary
from .errors import ArtifactaError
from .methods import GET_SERVER_INFO, ServerInfoMessage, server_info_request

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


def explained(error: ArtifactaError, path: str, place: str) -> Flow[ArtifactaError]:
    """Returns the error to raise.

    It names both versions if the service lacks the method, or if it refused a field and is older than this client.
    Every other error is returned as it is, and so is that of a service that does not answer.
    """
    is_missing = error.code == "UNIMPLEMENTED"
    if not is_missing and error.reason != "INVALID_ARGUMENT":
        return error
    told: ServerInfoMessage | None = None
    if path != GET_SERVER_INFO.path:
        try:
            told = (yield Unary(GET_SERVER_INFO, server_info_request())).server_info
        except ArtifactaError as failure:
            if failure.reason != "NOT_IMPLEMENTED":
                return error
    message = _of_method(told, path, place) if is_missing else _of_field(told, error.message, place)
    if message is None:
        return error
    better = type(error)(
        message,
        reason=error.reason,
        violations=error.violations,
        metadata=error.metadata,
        retry_after=error.retry_after,
    )
    better.__cause__ = error
    return better


def _of_method(told: ServerInfoMessage | None, path: str, place: str) -> str | None:
    name = path.removeprefix("/artifacta.v1.")
    if told is None or (path[1:] not in told.methods and compare(told.version, __version__) < 0):
        return f"{_older(told, place)}; it has no {name}: upgrade the service"
    if path[1:] in told.methods:
        return None
    if compare(told.version, __version__) > 0:
        newer = f"{place} is version {told.version}, newer than this client, {__version__}"
        return f"the service at {newer}; it no longer has {name}: upgrade this client"
    return f"the service at {place} has no {name}"


def _of_field(told: ServerInfoMessage | None, message: str, place: str) -> str | None:
    if told is not None and compare(told.version, __version__) >= 0:
        return None
    return f"{message}; {_older(told, place)}, and may not know all that was sent"


def _older(told: ServerInfoMessage | None, place: str) -> str:
    if told is None:
        return f"the service at {place} does not say its version, so it is older than this client, {__version__}"
    return f"the service at {place} is version {told.version}, older than this client, {__version__}"


def compare(one: str, other: str) -> int:
    """Returns a number below 0 if the first version is older, above 0 if it is newer, else 0.

    A version that is none counts as equal to every other. Two before the same release are not compared further.
    """
    left, right = _VERSION.fullmatch(one), _VERSION.fullmatch(other)
    if left is None or right is None:
        return 0
    keys = [([int(part) for part in found.group(1, 2, 3)], found.group(4) is None) for found in (left, right)]
    return (keys[0] > keys[1]) - (keys[0] < keys[1])
