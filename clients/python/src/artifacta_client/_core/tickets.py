"""Tickets: short-lived URLs for one thing, which need no other credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from .._pb.artifacta.v1 import ticket_pb2, upload_pb2
from . import methods
from .effects import Flow
from .errors import invalid
from .messages import ArtifactRef, Span, Ttl, duration, expiry, ref_message, require_text, ticket_from, whole
from .pushing import spec_message
from .records import Artifact, Ticket, TicketKind
from .retry import Context, unary

_KINDS = {
    "read": ticket_pb2.TICKET_KIND_READ,
    "preview": ticket_pb2.TICKET_KIND_PREVIEW,
    "archive": ticket_pb2.TICKET_KIND_ARCHIVE,
    "push": ticket_pb2.TICKET_KIND_PUSH,
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "read": ("ref",),
    "preview": ("ref",),
    "archive": ("session",),
    "push": ("session", "name"),
}


class ToPush(TypedDict, total=False):
    """What a ticket of the kind `push` stores. Those who use the ticket cannot change it."""

    name: str
    """Required."""
    max_bytes: int
    """The most bytes that may be sent: at least 1. Default: the limit of the service."""
    metadata: Mapping[str, str]
    labels: Mapping[str, str]
    media_type: str
    """Default: that of the request with the ticket, or what the service guesses from the name."""
    parents: Sequence[str | Artifact]
    artifact_ttl: Ttl
    """The artifact's own expiry: so long after the push, or at an instant."""
    new_version: bool
    """Makes a version even of equal bytes."""


class Target(ToPush, total=False):
    """What a ticket is for, if that is not one artifact."""

    session: str
    """Required for `archive` and `push`."""


def ticket_request(
    kind: TicketKind,
    ref: ArtifactRef | None,
    home: str | None,
    *,
    ttl: Span | None,
    require_uri: bool,
    session: str | None = None,
    name: str | None = None,
    max_bytes: int | None = None,
    metadata: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    media_type: str | None = None,
    parents: Sequence[str | Artifact] | None = None,
    artifact_ttl: Ttl | None = None,
    new_version: bool = False,
) -> ticket_pb2.CreateTicketRequest:
    """Returns the request for one ticket. `home`: the session of the handle that asks.

    Raises InvalidArgument if something is missing, or is given that belongs to another kind.
    """
    to_push = {
        "name": name,
        "max_bytes": max_bytes,
        "metadata": metadata,
        "labels": labels,
        "media_type": media_type,
        "parents": parents,
        "artifact_ttl": artifact_ttl,
        "new_version": new_version or None,
    }
    _check(kind, home, {"ref": ref, "session": session, **to_push}, tuple(to_push))
    request = ticket_pb2.CreateTicketRequest(kind=_KINDS[kind], require_uri=require_uri)
    if ttl is not None:
        request.ttl.CopyFrom(duration("ttl", ttl))
    of = require_text("session", home or session or "")
    if ref is not None:
        request.artifact.CopyFrom(ref_message(ref, home))
    elif kind == "archive":
        request.session = of
    else:
        spec = spec_message(
            of,
            name or "",
            metadata=metadata,
            labels=labels,
            media_type=media_type,
            ttl=None,
            parents=parents,
            request_id=None,
            new_version=new_version,
        )
        # The id of the ticket takes its place.
        spec.ClearField("request_id")
        spec.MergeFrom(upload_pb2.ArtifactSpec(**expiry("artifact_ttl", artifact_ttl)))
        request.push.spec.CopyFrom(spec)
        if max_bytes is not None:
            request.push.max_bytes = whole("max_bytes", max_bytes, 64)
    return request


def _check(kind: str, home: str | None, given: Mapping[str, object], to_push: tuple[str, ...]) -> None:
    if kind not in _REQUIRED:
        raise invalid("kind", f"must be one of {', '.join(_KINDS)}, not {kind!r}")
    required = [field for field in _REQUIRED[kind] if field != "session" or home is None]
    takes = [*required, *to_push[1:]] if kind == "push" else required
    for field, value in given.items():
        if value is not None and field not in takes:
            allowed = ", ".join(takes) or "nothing else"
            raise invalid(field, f"cannot be given for a ticket of the kind {kind!r}, which takes {allowed}")
    for field in required:
        if given[field] is None:
            raise invalid(field, f"is required for a ticket of the kind {kind!r}")


def create(context: Context, kind: TicketKind, request: ticket_pb2.CreateTicketRequest) -> Flow[Ticket]:
    """Makes the ticket. Nothing is stored for it, so a repetition leaves nothing behind."""
    return ticket_from(kind, (yield from unary(context, methods.CREATE_TICKET, request)).ticket)
