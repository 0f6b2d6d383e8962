"""Messages of the protocol to records, and values of callers to messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from .._pb.artifacta.v1 import (
    api_key_pb2,
    artifact_pb2,
    artifact_service_pb2,
    caller_pb2,
    content_pb2,
    lineage_pb2,
    outcome_pb2,
    query_pb2,
    retention_pb2,
    server_info_pb2,
    session_pb2,
    share_link_pb2,
    ticket_pb2,
    upload_pb2,
    watch_pb2,
)
from .errors import invalid
from .records import (
    Artifact,
    Caller,
    Edge,
    Event,
    Explanation,
    KeepLast,
    Lease,
    Link,
    Manifest,
    Match,
    Outcome,
    Page,
    Piece,
    Retention,
    ServerInfo,
    SessionRecord,
    State,
    Ticket,
    TicketKind,
)


class Ref(NamedTuple):
    """A reference to an artifact by its name in a session, at one version or at the latest."""

    session: str
    name: str
    version: int | None = None


ArtifactRef: TypeAlias = "str | Artifact | Ref"
"""An artifact: its id `art_…`, `"SESSION/NAME"`, its record, or a `Ref`."""

Span: TypeAlias = "float | timedelta"
"""A length of time: seconds, or a `timedelta`."""

Ttl: TypeAlias = "float | timedelta | datetime"
"""An expiry: this time after the commit (seconds or a `timedelta`), or an instant (a `datetime` with a time zone)."""

Order = Literal["newest", "oldest"]

_ID = re.compile(r"art_[0-9a-z]{26}")
_OUTCOMES: tuple[Outcome, ...] = ("SUCCEEDED", "FAILED", "CANCELLED", "ABANDONED")
_STATES: dict[int, State] = {1: "OPEN", 2: "SEALING", 3: "SEALED"}
_ORDERS = {"newest": query_pb2.LIST_ORDER_NEWEST_FIRST, "oldest": query_pb2.LIST_ORDER_OLDEST_FIRST}
_EXPIRY_SOURCES: dict[int, Literal["ARTIFACT", "SESSION_POLICY"]] = {2: "ARTIFACT", 3: "SESSION_POLICY"}


# From values of callers.


def ref_message(ref: ArtifactRef, session: str | None = None) -> artifact_pb2.ArtifactRef:
    """Returns the message for a reference. With a session, a text is a name in it."""
    if isinstance(ref, Artifact):
        return artifact_pb2.ArtifactRef(id=ref.id)
    if isinstance(ref, str):
        if session is None and _ID.fullmatch(ref):
            return artifact_pb2.ArtifactRef(id=ref)
        before, slash, after = ref.partition("/")
        if session is None and not slash:
            raise invalid("ref", f"must be an id art_… or SESSION/NAME, not {ref!r}")
        ref = Ref(before, after) if session is None else Ref(session, ref)
    if not isinstance(ref, Ref):
        raise invalid("ref", f"must be a text, an Artifact or a Ref, not {type(ref).__name__}")
    require_text("session", ref.session)
    require_text("name", ref.name)
    name = artifact_pb2.ArtifactName(session=ref.session, name=ref.name)
    if ref.version is not None:
        name.version = whole("version", ref.version, 64)
    return artifact_pb2.ArtifactRef(name=name)


def require_text(field: str, value: object) -> str:
    """Returns the text. Raises InvalidArgument for anything else, and for a text that is not valid Unicode."""
    if not isinstance(value, str):
        raise invalid(field, f"must be a text, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be Unicode text; it has half of a surrogate pair") from None
    return value


def texts(field: str, values: Mapping[str, str] | None) -> dict[str, str]:
    """Returns metadata or labels. Raises InvalidArgument that names the key whose value is not a text."""
    if values is not None and not isinstance(values, Mapping):
        raise invalid(field, f"must be a mapping of texts, not {type(values).__name__}")
    return {require_text(field, key): require_text(f"{field}.{key}", value) for key, value in (values or {}).items()}


def names(field: str, values: Sequence[str] | None) -> list[str]:
    """Returns a list of texts. A single text is most likely a mistake."""
    if isinstance(values, str):
        raise invalid(field, f"must be a list of texts, not the text {values!r}")
    return [require_text(field, value) for value in values or ()]


def whole(field: str, value: object, bits: int) -> int:
    """Returns a whole number that fits in this number of bits, with a sign."""
    limit = 1 << (bits - 1)
    if not isinstance(value, int) or isinstance(value, bool) or not -limit <= value < limit:
        raise invalid(field, f"must be a whole number of {bits} bits, not {value!r}")
    return value


def duration(field: str, span: Span) -> Duration:
    """Returns the message for a length of time."""
    if isinstance(span, bool) or not isinstance(span, (int, float, timedelta)):
        raise invalid(field, f"must be seconds or a timedelta, not {type(span).__name__}")
    message = Duration()
    try:
        message.FromTimedelta(span if isinstance(span, timedelta) else timedelta(seconds=span))
    except (ValueError, OverflowError):
        raise invalid(field, f"must be at most 10,000 years, not {span!r}") from None
    return message


def instant(field: str, time: datetime) -> Timestamp:
    """Returns the message for an instant."""
    if time.tzinfo is None:
        raise invalid(field, "must have a time zone, e.g. datetime.now(timezone.utc)")
    message = Timestamp()
    message.FromDatetime(time)
    return message


def expiry(field: str, ttl: Ttl | None) -> dict[str, Any]:
    """Returns the fields `ttl` or `expire_time` of a request."""
    if ttl is None:
        return {}
    return {"expire_time": instant(field, ttl)} if isinstance(ttl, datetime) else {"ttl": duration(field, ttl)}


def order_value(order: Order) -> query_pb2.ListOrder:
    if order not in _ORDERS:
        raise invalid("order", f"must be 'newest' or 'oldest', not {order!r}")
    return _ORDERS[order]


def outcome_value(outcome: str) -> outcome_pb2.SessionOutcome:
    if outcome not in _OUTCOMES:
        raise invalid("outcome", f"must be one of {', '.join(_OUTCOMES)}, not {outcome!r}")
    return cast("outcome_pb2.SessionOutcome", _OUTCOMES.index(outcome) + 1)


def retention_message(retention: Retention) -> retention_pb2.Retention:
    spans = {
        f"{name}_ttl": duration(f"retention.{name}", span)
        for name in ("succeeded", "failed", "cancelled", "abandoned")
        if (span := getattr(retention, name)) is not None
    }
    message = retention_pb2.Retention()
    for name, span in spans.items():
        getattr(message, name).CopyFrom(span)
    if (keep := retention.keep_last) is not None:
        outcomes = [outcome_value(outcome) for outcome in keep.outcomes]
        last = retention_pb2.KeepLast(count=keep.count, metadata_key=keep.metadata_key, outcomes=outcomes)
        message.keep_last.CopyFrom(last)
    return message


# From messages.


def time_of(message: Timestamp) -> datetime:
    return _EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def span_of(message: Duration) -> timedelta:
    return timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


def _time(message: Any, field: str) -> datetime | None:
    return time_of(getattr(message, field)) if message.HasField(field) else None


def artifact_from(message: artifact_pb2.Artifact) -> Artifact:
    return Artifact(
        id=message.id,
        session=message.session,
        name=message.name,
        version=message.version,
        sha256=message.sha256,
        size_bytes=message.size_bytes,
        media_type=message.content_type,
        metadata=dict(message.metadata),
        inherited_metadata_keys=tuple(message.inherited_metadata_keys),
        labels=dict(message.labels),
        parents=tuple(message.inputs),
        create_time=time_of(message.create_time),
        expire_time=_time(message, "expire_time"),
        expiry_source=_EXPIRY_SOURCES.get(message.expiry_source, "NONE"),
        hold=message.hold,
        sequence=message.sequence,
        latest=message.latest,
        etag=message.etag,
    )


def pushed_from(response: upload_pb2.UploadArtifactResponse | upload_pb2.CreateArtifactResponse) -> Artifact:
    """Returns the artifact with what the push did. The effect of a replayed push is known by its version alone."""
    found = artifact_from(response.artifact)
    is_found = response.receipt.deduplicated
    pushed = "unchanged" if is_found else "new" if found.version == 1 else "version"
    return Artifact(**{**vars(found), "pushed": pushed, "replayed": response.receipt.replayed})


def session_from(message: session_pb2.Session) -> SessionRecord:
    lease, manifest = message.lease, message.manifest
    return SessionRecord(
        id=message.id,
        uid=message.uid,
        state=_STATES.get(message.state, "OPEN"),
        outcome=_outcome_of(message.outcome),
        metadata=dict(message.metadata),
        labels=dict(message.labels),
        create_time=time_of(message.create_time),
        update_time=_time(message, "update_time"),
        seal_time=_time(message, "seal_time"),
        expire_time=_time(message, "expire_time"),
        artifact_count=message.artifact_count,
        size_bytes=message.size_bytes,
        hold_count=message.hold_count,
        last_sequence=message.last_sequence,
        expected_outputs=tuple(message.expected_outputs),
        missing_outputs=tuple(message.missing_outputs),
        retention=_retention_from(message.retention),
        kept=message.kept,
        lease=Lease(span_of(lease.duration), _time(lease, "expire_time")) if message.HasField("lease") else None,
        manifest=Manifest(manifest.sha256, manifest.size_bytes, manifest.line_count)
        if message.HasField("manifest")
        else None,
        etag=message.etag,
    )


def _outcome_of(value: int) -> Outcome | None:
    return _OUTCOMES[value - 1] if 1 <= value <= len(_OUTCOMES) else None


def _retention_from(message: retention_pb2.Retention) -> Retention:
    def span(name: str) -> timedelta | None:
        field = f"{name}_ttl"
        return span_of(getattr(message, field)) if message.HasField(cast("Any", field)) else None

    keep = message.keep_last
    outcomes = tuple(outcome for value in keep.outcomes if (outcome := _outcome_of(value)) is not None)
    last = KeepLast(keep.count, keep.metadata_key, outcomes) if message.HasField("keep_last") else None
    return Retention(span("succeeded"), span("failed"), span("cancelled"), span("abandoned"), last)


def event_from(message: watch_pb2.WatchSessionResponse) -> Event | None:
    """Returns the event. None for heartbeats, and for events that only later versions know."""
    time = _time(message, "time")
    kind = message.WhichOneof("event")
    if kind == "committed":
        artifact = artifact_from(message.committed)
        return Event(kind, message.sequence, time, artifact=artifact, artifact_id=artifact.id)
    if kind == "deleted":
        return Event(kind, message.sequence, time, artifact_id=message.deleted.artifact_id)
    if kind == "sealed":
        return Event(kind, message.sequence, time, session=session_from(message.sealed))
    return None


def piece_from(message: content_pb2.ReadArtifactResponse) -> Piece:
    def number(field: Literal["start_offset", "end_offset", "first_line"]) -> int | None:
        return getattr(message, field) if message.HasField(field) else None

    is_text = message.WhichOneof("content") != "data"
    return Piece(
        artifact=artifact_from(message.artifact),
        text=message.text if is_text else None,
        data=message.text.encode() if is_text else message.data,
        start_offset=number("start_offset"),
        end_offset=number("end_offset"),
        first_line=number("first_line"),
        matches=tuple(Match(match.line, match.offset, match.text_line) for match in message.matches),
        truncated=message.truncated,
        next_cursor=message.next_cursor,
        malformed_lines=message.malformed_lines,
    )


def edge_from(message: lineage_pb2.LineageEdge) -> Edge:
    artifact = artifact_from(message.artifact) if message.HasField("artifact") else None
    return Edge(message.derived_id, message.input_id, message.depth, artifact)


def link_from(message: share_link_pb2.ShareLink, url: str | None = None, path: str | None = None) -> Link:
    return Link(
        id=message.id,
        artifact_id=message.artifact_id,
        session=message.session,
        name=message.name,
        version=message.version,
        create_time=_time(message, "create_time"),
        expire_time=_time(message, "expire_time"),
        revoke_time=_time(message, "revoke_time"),
        creator=message.creator,
        url=url,
        path=path,
    )


def ticket_from(kind: TicketKind, message: ticket_pb2.Ticket) -> Ticket:
    has_size = kind in ("read", "preview") or (kind == "push" and message.size > 0)
    return Ticket(
        id=message.id,
        kind=kind,
        path=message.path,
        uri=message.uri or None,
        local_uri=message.local_uri or None,
        expire_time=time_of(message.expire_time),
        size=message.size if has_size else None,
        digest=message.digest or None,
    )


def page_from(message: artifact_service_pb2.ListArtifactsResponse) -> Page:
    told = message.explanation
    explanation = Explanation(
        told.filter, told.driver, tuple(told.tests), told.entries_read, told.probes, told.records_read, told.budget
    )
    return Page(
        artifacts=tuple(map(artifact_from, message.artifacts)),
        next_page_token=message.next_page_token,
        explanation=explanation if message.HasField("explanation") else None,
        approximate_total=message.approximate_total if message.HasField("approximate_total") else None,
        previews=dict(message.previews),
    )


def caller_from(message: caller_pb2.Caller) -> Caller:
    names = {api_key_pb2.SCOPE_READ: "read", api_key_pb2.SCOPE_WRITE: "write", api_key_pb2.SCOPE_SHARE: "share"}
    return Caller(
        subject=message.subject,
        namespace=message.namespace,
        scopes=tuple(names[scope] for scope in message.scopes if scope in names),
        operator=message.is_operator,
        expire_time=time_of(message.expire_time) if message.HasField("expire_time") else None,
        sessions=tuple(message.sessions),
        session_prefixes=tuple(message.session_prefixes),
        name_prefix=message.name_prefix,
        max_push_bytes=message.max_push_bytes if message.HasField("max_push_bytes") else None,
        max_artifact_bytes=message.max_artifact_bytes if message.HasField("max_artifact_bytes") else None,
    )


def server_info_from(message: server_info_pb2.ServerInfo) -> ServerInfo:
    limits = {
        field.name: span_of(value) if isinstance(value, Duration) else value
        for field, value in message.limits.ListFields()
    }
    return ServerInfo(
        message.version, tuple(message.methods), tuple(message.features), message.authentication_required, limits
    )
