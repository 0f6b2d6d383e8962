"""From the status of a call to an error in words.

Every answer of the service carries a reason. A status without one was made on the way, and the text of a library helps
only its authors.
"""

import re
from collections.abc import Iterable
from typing import Any

from .details import details_from
from .errors import (
    ArtifactaError,
    DeadlineExceeded,
    ForeignService,
    PermissionDenied,
    Unavailable,
    UntrustedService,
    Violation,
    error_class,
)

_CANCELLED, _UNKNOWN, _DEADLINE, _INTERNAL, _UNAVAILABLE = 1, 2, 4, 13, 14

_NOT_OURS = "the server at this address is not an Artifacta service, or does not use the protocol of the URL"

_DISTRUST = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|Peer name .* is not in peer certificate", re.I
)
_FOREIGN = (
    (
        re.compile(r"WRONG_VERSION_NUMBER|wrong version number|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST", re.I),
        "it does not speak TLS",
    ),
    (re.compile(r"no application protocol|Cannot check peer: missing selected ALPN", re.I), "it does not speak HTTP/2"),
    (
        re.compile(r"http1\.x server|preface|before receiving SETTINGS|Failed parsing HTTP/2", re.I),
        "it does not speak HTTP/2 without TLS; if it uses TLS, begin the URL with grpcs:",
    ),
    (re.compile(r"deserializing|parsing response|invalid content-type|Malformed", re.I), "its answer cannot be read"),
)
_LOST = (
    ("Connection refused", "nothing listens there"),
    ("No such file or directory", "the socket does not exist"),
    ("Permission denied", "the socket may not be used: permission denied"),
    ("DNS resolution failed", "the name of the host is not known"),
    ("errors resolving", "the name of the host is not known"),
    ("No route to host", "the host cannot be reached"),
    ("Network is unreachable", "the network cannot be reached"),
    ("timed out", "the host does not answer"),
    ("Timeout", "the host does not answer"),
)


def error_from(code: int, message: str, trailers: Iterable[tuple[str, Any]], place: str) -> ArtifactaError:
    """Returns the error for the status of a call.

    `place` says where the service is.
    """
    # The trailers are walked: those of asyncio are a mapping that cannot be made a dict in every version.
    status = next((value for key, value in trailers if key == "grpc-status-details-bin"), None)
    details = details_from(status)
    if details.reason is None:
        return _judged(code, message, place)
    return error_class(code, details.reason)(
        message,
        reason=details.reason,
        violations=tuple(Violation(field, description) for field, description in details.violations),
        metadata=details.metadata,
        retry_after=details.retry_after,
    )


def _judged(code: int, message: str, place: str) -> ArtifactaError:
    if code == _DEADLINE:
        return DeadlineExceeded("the service did not answer in time")
    if _DISTRUST.search(message):
        return UntrustedService(f"the certificate of the service is not trusted ({place})")
    http = re.search(r"http2? header with status: (\d{3})", message)
    if http is not None:
        return _by_http(http.group(1), place)
    for sign, meaning in _FOREIGN:
        if sign.search(message):
            return ForeignService(f"{_NOT_OURS}: {meaning} ({place})")
    # Libraries have many names for a lost connection; a retry must not depend on which.
    if code in (_UNAVAILABLE, _CANCELLED) or (code in (_INTERNAL, _UNKNOWN) and _is_of_transport(message)):
        known = next((words for sign, words in _LOST if sign in message), "it was lost")
        if known == "it was lost" and message.startswith("failed to connect"):
            closed = "the connection was closed before any answer; if the service uses TLS, begin the URL with grpcs:"
            return Unavailable(f"{closed} ({place})")
        return Unavailable(f"no connection: {known} ({place})")
    return error_class(code, None)(message or f"the call failed with status {code} ({place})")


def _is_of_transport(message: str) -> bool:
    return re.search(r"RST_STREAM|GOAWAY|stream|socket|connection|error from Core", message, re.I) is not None


def _by_http(status: str, place: str) -> ArtifactaError:
    if status in ("429", "502", "503", "504"):
        return Unavailable(f"no connection: something in front of the service answers HTTP {status} ({place})")
    if status in ("401", "403", "407", "408", "411", "413", "414", "431"):
        return PermissionDenied(f"something in front of the service refused: HTTP {status} ({place})")
    return ForeignService(f"{_NOT_OURS}: it answers HTTP {status} ({place})")
