"""The errors that this client raises.

Each is an `ArtifactaError`. Its class says why the call failed: one class for each reason of the service, below one for
each status code. Some are also errors of Python itself: `except TimeoutError` catches a deadline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Aborted",
    "AlreadyExists",
    "ApiKeyNotFound",
    "ArtifactDeleted",
    "ArtifactExpired",
    "ArtifactHeld",
    "ArtifactNotFound",
    "ArtifactTooLarge",
    "ArtifactaError",
    "CallCancelled",
    "ContentChanged",
    "ContentNotFound",
    "ContentUnsuitable",
    "DataLoss",
    "DeadlineExceeded",
    "DigestMismatch",
    "EtagMismatch",
    "ExportNotConfigured",
    "FailedPrecondition",
    "ForeignService",
    "InputNotFound",
    "InternalError",
    "InvalidArgument",
    "IssuerUnavailable",
    "ManifestNotFound",
    "MessageTooLarge",
    "MessagesTooSmall",
    "NamespaceExists",
    "NamespaceNotFound",
    "NoService",
    "NotFound",
    "NotImplementedByService",
    "NotOwner",
    "OutOfRange",
    "OutcomeConflict",
    "Overloaded",
    "PageTokenInvalid",
    "PermissionDenied",
    "PublicUrlRequired",
    "QuotaExceeded",
    "RequestIdReused",
    "ResourceExhausted",
    "SealPending",
    "SessionConflict",
    "SessionGone",
    "SessionMustExist",
    "SessionNotFound",
    "SessionSealed",
    "ShareLinkNotFound",
    "ShuttingDown",
    "SizeMismatch",
    "StorageFull",
    "StoreInRecovery",
    "StoreNotEmpty",
    "StoreUnavailable",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "UntrustedService",
    "UploadIncomplete",
    "Violation",
]


@dataclass(frozen=True)
class Violation:
    """One fault of one field of a request."""

    field: str
    """The path of the field as the protocol writes it, e.g. `spec.metadata`."""
    description: str
    """The fault, in English."""


class ArtifactaError(Exception):
    """Every failure that this client reports."""

    code = "UNKNOWN"
    """The canonical status code, e.g. `NOT_FOUND`."""
    reason: str | None
    """The reason of the service, e.g. `SESSION_SEALED`. None: no answer of the service led to this error."""
    violations: tuple[Violation, ...]
    """The faults of the input, field by field. Empty if the error is not about fields."""
    metadata: Mapping[str, str]
    """What the reason is about, e.g. `{"session": "run_42"}`."""
    retry_after: float | None
    """How long the service asks to wait before the next try, in seconds. None: it did not say."""
    may_repeat = True

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        violations: tuple[Violation, ...] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.violations = violations
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        kept = (self.message, self.reason, self.violations, dict(self.metadata), self.retry_after)
        return (_restored, (type(self), *kept))

    @property
    def field(self) -> str | None:
        """The first field that is at fault. None: the error is not about a field."""
        return self.violations[0].field if self.violations else None

    @property
    def retryable(self) -> bool:
        """True: the same call may succeed later without any action."""
        if not self.may_repeat or self.reason in ("STORE_IN_RECOVERY", "QUOTA_EXCEEDED", "STORAGE_FULL"):
            return False
        return self.code == "UNAVAILABLE" or self.reason == "OVERLOADED" or self.retry_after is not None


def _restored(
    kind: type[ArtifactaError],
    message: str,
    reason: str | None,
    violations: tuple[Violation, ...],
    metadata: dict[str, str],
    retry_after: float | None,
) -> ArtifactaError:
    return kind(message, reason=reason, violations=violations, metadata=metadata, retry_after=retry_after)


# One class for each status code.


class CallCancelled(ArtifactaError):
    code = "CANCELLED"


class InvalidArgument(ArtifactaError, ValueError):
    code = "INVALID_ARGUMENT"


class DeadlineExceeded(ArtifactaError, TimeoutError):
    code = "DEADLINE_EXCEEDED"


class NotFound(ArtifactaError, LookupError):
    code = "NOT_FOUND"


class AlreadyExists(ArtifactaError):
    code = "ALREADY_EXISTS"


class PermissionDenied(ArtifactaError, PermissionError):
    code = "PERMISSION_DENIED"


class ResourceExhausted(ArtifactaError):
    code = "RESOURCE_EXHAUSTED"


class FailedPrecondition(ArtifactaError):
    code = "FAILED_PRECONDITION"


class Aborted(ArtifactaError):
    code = "ABORTED"


class OutOfRange(ArtifactaError):
    code = "OUT_OF_RANGE"


class Unimplemented(ArtifactaError, NotImplementedError):
    code = "UNIMPLEMENTED"


class InternalError(ArtifactaError):
    code = "INTERNAL"


class Unavailable(ArtifactaError, ConnectionError):
    code = "UNAVAILABLE"


class DataLoss(ArtifactaError):
    code = "DATA_LOSS"


class Unauthenticated(ArtifactaError):
    code = "UNAUTHENTICATED"


# One class for each reason that is not the only one of its code.


class UploadIncomplete(InvalidArgument): ...


class SizeMismatch(InvalidArgument): ...


class DigestMismatch(InvalidArgument): ...


class ArtifactTooLarge(InvalidArgument): ...


class PageTokenInvalid(InvalidArgument): ...


class NamespaceNotFound(NotFound): ...


class SessionNotFound(NotFound): ...


class ArtifactNotFound(NotFound): ...


class ArtifactExpired(NotFound): ...


class ArtifactDeleted(NotFound): ...


class ContentNotFound(NotFound): ...


class InputNotFound(NotFound): ...


class ManifestNotFound(NotFound): ...


class ShareLinkNotFound(NotFound): ...


class ApiKeyNotFound(NotFound): ...


class SessionConflict(AlreadyExists): ...


class RequestIdReused(AlreadyExists): ...


class NamespaceExists(AlreadyExists): ...


class SessionSealed(FailedPrecondition): ...


class SessionGone(FailedPrecondition): ...


class OutcomeConflict(FailedPrecondition): ...


class SessionMustExist(FailedPrecondition): ...


class ArtifactHeld(FailedPrecondition): ...


class PublicUrlRequired(FailedPrecondition): ...


class ContentUnsuitable(FailedPrecondition): ...


class StoreNotEmpty(FailedPrecondition): ...


class ExportNotConfigured(FailedPrecondition): ...


class EtagMismatch(Aborted): ...


class MessageTooLarge(ResourceExhausted): ...


class MessagesTooSmall(ResourceExhausted): ...


class Overloaded(ResourceExhausted): ...


class QuotaExceeded(ResourceExhausted): ...


class StorageFull(ResourceExhausted): ...


class NotImplementedByService(Unimplemented): ...


class SealPending(Unavailable): ...


class StoreUnavailable(Unavailable): ...


class ShuttingDown(Unavailable): ...


class StoreInRecovery(Unavailable): ...


class IssuerUnavailable(Unavailable): ...


class NotOwner(Unavailable): ...


# Errors of this client alone.


class ContentChanged(FailedPrecondition):
    """A file that is not the same any more as when its push began. Nothing is stored."""

    may_repeat = False


class UntrustedService(FailedPrecondition):
    """No trusted authority has signed the certificate of the service, or it is not for its name."""

    may_repeat = False


class ForeignService(Unavailable):
    """Something other than the service answers, or the service answers by another protocol."""

    may_repeat = False


class NoService(Unavailable):
    """No service is named, none runs for the data directory, and none can be started."""

    may_repeat = False


_codes: dict[int, type[ArtifactaError]] = {
    1: CallCancelled,
    3: InvalidArgument,
    4: DeadlineExceeded,
    5: NotFound,
    6: AlreadyExists,
    7: PermissionDenied,
    8: ResourceExhausted,
    9: FailedPrecondition,
    10: Aborted,
    11: OutOfRange,
    12: Unimplemented,
    13: InternalError,
    14: Unavailable,
    15: DataLoss,
    16: Unauthenticated,
}


def error_class(code: int, reason: str | None) -> type[ArtifactaError]:
    """Returns the class for a status code of gRPC and a reason. A reason of a later version gets that of its code."""
    by_code = _codes.get(code, ArtifactaError)
    name = (
        "NotImplementedByService"
        if reason == "NOT_IMPLEMENTED"
        else "".join(word.capitalize() for word in (reason or "").split("_"))
    )
    found = globals().get(name)
    return found if isinstance(found, type) and issubclass(found, by_code) else by_code


def invalid(field: str, description: str) -> InvalidArgument:
    """Returns the error for a value that this client refuses before it sends anything."""
    return InvalidArgument(f"{field}: {description}", violations=(Violation(field, description),))
