"""Calls on one artifact, and on the service itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from .._pb.artifacta.v1 import artifact_service_pb2 as messages_of
from .._pb.artifacta.v1 import share_link_pb2
from . import methods
from .effects import Flow
from .errors import invalid
from .messages import (
    ArtifactRef,
    Ttl,
    artifact_from,
    caller_from,
    expiry,
    link_from,
    ref_message,
    server_info_from,
    texts,
)
from .records import Artifact, Caller, Link, ServerInfo
from .retry import Context, unary


def get(context: Context, ref: ArtifactRef, session: str | None) -> Flow[Artifact]:
    request = messages_of.GetArtifactRequest(artifact=ref_message(ref, session))
    return artifact_from((yield from unary(context, methods.GET, request)).artifact)


def update(
    context: Context,
    ref: ArtifactRef,
    session: str | None,
    *,
    labels: Mapping[str, str] | None,
    ttl: Ttl | Literal["never"] | None,
    hold: bool | None,
    etag: str | None,
) -> Flow[Artifact]:
    request = messages_of.UpdateArtifactRequest(artifact=ref_message(ref, session), etag=etag or "")
    paths: list[str] = []
    changes = messages_of.ArtifactChanges()
    if labels is not None:
        paths.append("labels")
        changes.labels.update(texts("labels", labels))
    if ttl is not None:
        paths.append("expire_time" if isinstance(ttl, datetime) else "ttl")
        if isinstance(ttl, str):
            if ttl != "never":
                raise invalid("ttl", f"must be seconds, a timedelta, a datetime or 'never', not {ttl!r}")
        else:
            changes.MergeFrom(messages_of.ArtifactChanges(**expiry("ttl", ttl)))
    if hold is not None:
        paths.append("hold")
        changes.hold = hold
    request.changes.CopyFrom(changes)
    request.update_mask.paths.extend(paths)
    # With an etag, the repetition of a call that took effect would be refused.
    return artifact_from((yield from unary(context, methods.UPDATE, request, once=bool(etag))).artifact)


def delete(context: Context, ref: ArtifactRef, session: str | None, etag: str | None) -> Flow[bool]:
    request = messages_of.DeleteArtifactRequest(artifact=ref_message(ref, session), etag=etag or "")
    return (yield from unary(context, methods.DELETE, request, once=bool(etag))).deleted


def share(context: Context, ref: ArtifactRef, session: str | None, ttl: Ttl | None, *, require_url: bool) -> Flow[Link]:
    request = share_link_pb2.CreateShareLinkRequest(
        artifact=ref_message(ref, session), require_url=require_url, **expiry("ttl", ttl)
    )
    # A repetition would leave a second link behind.
    response = yield from unary(context, methods.SHARE, request, once=True)
    return link_from(response.share_link, response.url or response.local_url or None, response.path)


def revoke(context: Context, link: Link | str | None, ref: ArtifactRef | None, session: str | None) -> Flow[int]:
    if (link is not None) + (ref is not None or session is not None) != 1:
        raise invalid("link", "exactly one of a link, an artifact and a session must be given")
    request = share_link_pb2.RevokeShareLinksRequest()
    if link is not None:
        request.share_link_id = link.id if isinstance(link, Link) else link
    elif ref is not None:
        request.artifact.CopyFrom(ref_message(ref, session))
    elif session is not None:
        request.session = session
    return (yield from unary(context, methods.REVOKE, request)).revoked_count


def caller(context: Context) -> Flow[Caller]:
    response = yield from unary(context, methods.GET_CALLER, methods.caller_request())
    return caller_from(response.caller)


def server_info(context: Context) -> Flow[ServerInfo]:
    response = yield from unary(context, methods.GET_SERVER_INFO, methods.server_info_request())
    return server_info_from(response.server_info)
