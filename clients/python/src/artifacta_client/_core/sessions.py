"""Calls on one session, and its events."""

from __future__ import annotations

import os
from asyncio import CancelledError
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Literal

from .._pb.artifacta.v1 import session_service_pb2, watch_pb2
from . import methods
from .effects import Begin, Closing, Flow, Next
from .errors import ArtifactaError, NotImplementedByService, SessionSealed, Unavailable, invalid
from .messages import (
    Span,
    duration,
    event_from,
    names,
    outcome_value,
    require_text,
    retention_message,
    session_from,
    texts,
    whole,
)
from .records import Event, Outcome, Retention, SessionRecord
from .retry import Context, resumed, unary
from .versions import explained

_SILENCE_SECONDS_MAX = 45.0
"""The service sends a heartbeat every 15 seconds. After this time without one, the connection counts as lost."""
_PATIENCE = 8
"""A service that restarts takes longer to come back than one that only stumbles."""
_PAUSE_SECONDS_MAX = 2.0


@dataclass(frozen=True)
class Settings:
    """The settings of a session to open."""

    metadata: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    retention: Retention | None = None
    lease: Span | None = None
    expected_outputs: Sequence[str] | None = None

    @property
    def are_given(self) -> bool:
        return self != Settings()

    def request(self, session: str) -> session_service_pb2.OpenSessionRequest:
        request = session_service_pb2.OpenSessionRequest(
            session=require_text("session", session),
            metadata=texts("metadata", self.metadata),
            labels=texts("labels", self.labels),
            expected_outputs=names("expected_outputs", self.expected_outputs),
        )
        if self.retention is not None:
            request.retention.CopyFrom(retention_message(self.retention))
        if self.lease is not None:
            request.lease.CopyFrom(duration("lease", self.lease))
        return request


def new_id() -> str:
    """Returns a new id, for a session that needs no particular one."""
    return f"run_{datetime.now(timezone.utc):%Y%m%dT%H%M%S}_{os.urandom(4).hex()}"


def outcome_of(error: BaseException | None) -> Outcome:
    """Returns how a run ended that this ended: None, or an exit with success, is success."""
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "SUCCEEDED"
    return "CANCELLED" if isinstance(error, (KeyboardInterrupt, CancelledError, GeneratorExit)) else "FAILED"


def open_session(context: Context, session: str, settings: Settings) -> Flow[SessionRecord]:
    """Opens the session, or finds one that is open with these settings. Raises SessionSealed."""
    response = yield from unary(context, methods.OPEN_SESSION, settings.request(session))
    record = session_from(response.session)
    if record.state != "OPEN":
        raise SessionSealed(
            f"session {session} is sealed: it takes no artifacts any more",
            reason="SESSION_SEALED",
            metadata={"session": session, "outcome": (record.outcome or "").lower()},
        )
    return record


def get(context: Context, session: str) -> Flow[SessionRecord]:
    request = session_service_pb2.GetSessionRequest(session=require_text("session", session))
    return session_from((yield from unary(context, methods.GET_SESSION, request)).session)


def update(
    context: Context,
    session: str,
    *,
    labels: Mapping[str, str] | None,
    retention: Retention | Literal["never"] | None,
    touch: bool,
    etag: str | None,
) -> Flow[SessionRecord]:
    request = session_service_pb2.UpdateSessionRequest(
        session=require_text("session", session), touch=touch, etag=etag or ""
    )
    # Without a mask, all fields that are set would change.
    request.update_mask.SetInParent()
    if labels is not None:
        request.update_mask.paths.append("labels")
        request.changes.labels.update(texts("labels", labels))
    if retention is not None:
        request.update_mask.paths.append("retention")
        if isinstance(retention, Retention):
            request.changes.retention.CopyFrom(retention_message(retention))
    return session_from((yield from unary(context, methods.UPDATE_SESSION, request, once=bool(etag))).session)


def seal(context: Context, session: str, outcome: str, durability: str | None) -> Flow[SessionRecord]:
    request = session_service_pb2.SealSessionRequest(
        session=require_text("session", session),
        outcome=outcome_value(outcome),
        durability=_durability_value(durability),
    )
    response = yield from unary(context, methods.SEAL_SESSION, request)
    if durability == "SHIPPED" and response.durability != session_service_pb2.DURABILITY_SHIPPED:
        raise NotImplementedByService(
            f"durability: {session} is sealed, but this service is older than this client and ignores it: "
            "upgrade the service"
        )
    return session_from(response.session)


def _durability_value(durability: str | None) -> session_service_pb2.Durability:
    if durability is None:
        return session_service_pb2.DURABILITY_UNSPECIFIED
    if durability == "LOCAL":
        return session_service_pb2.DURABILITY_LOCAL
    if durability == "SHIPPED":
        return session_service_pb2.DURABILITY_SHIPPED
    raise invalid("durability", f"must be LOCAL or SHIPPED, not {durability!r}")


def amend(context: Context, session: str, outcome: str) -> Flow[SessionRecord]:
    request = session_service_pb2.AmendOutcomeRequest(
        session=require_text("session", session), outcome=outcome_value(outcome)
    )
    return session_from((yield from unary(context, methods.AMEND_OUTCOME, request)).session)


def delete(context: Context, session: str, etag: str | None) -> Flow[bool]:
    request = session_service_pb2.DeleteSessionRequest(session=require_text("session", session), etag=etag or "")
    return (yield from unary(context, methods.DELETE_SESSION, request, once=bool(etag))).deleted


class Watch:
    """The events of a session until its seal, each once, in order. A watch that breaks continues where it broke."""

    def __init__(
        self, context: Context, session: str, *, after: int = 0, seal_only: bool = False, wait_for_open: bool = False
    ) -> None:
        self._context = context
        self._request = watch_pb2.WatchSessionRequest(
            session=require_text("session", session),
            after_sequence=whole("after", after, 64),
            seal_only=seal_only,
            wait_for_open=wait_for_open,
        )
        self._stream: Closing | None = None
        self._failures = 0
        self._is_over = False

    def next(self) -> Flow[Event | None]:
        """Returns the next event. None: the session was sealed, which was the event before."""
        while not self._is_over:
            try:
                message = yield from self._message()
            except ArtifactaError as error:
                self._drop()
                self._failures += 1
                yield from self._waited(error)
                continue
            self._failures = 0
            self._request.after_sequence = max(self._request.after_sequence, message.sequence)
            event = event_from(message)
            if event is not None:
                if event.kind == "sealed":
                    self.close()
                return event
        return None

    def close(self) -> None:
        """Ends the watch."""
        self._is_over = True
        self._drop()

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    def _message(self) -> Flow[watch_pb2.WatchSessionResponse]:
        if self._stream is None:
            stream: Closing = yield Begin(methods.WATCH, self._request)
            self._stream = stream
        message: watch_pb2.WatchSessionResponse | None = yield Next(self._stream, _SILENCE_SECONDS_MAX, Unavailable)
        if message is None:
            raise Unavailable("the watch ended before the session was sealed; try again")
        return message

    def _waited(self, error: ArtifactaError) -> Flow[None]:
        retry = self._context.retry
        policy = replace(retry, attempts=retry.attempts * _PATIENCE, max_delay=min(retry.max_delay, _PAUSE_SECONDS_MAX))
        try:
            yield from resumed(policy, min(self._failures, 10_000), error)
        except ArtifactaError as failure:
            self._is_over = True
            raise (yield from explained(failure, methods.WATCH.path, self._context.place)) from failure.__cause__


def wait(context: Context, session: str, *, wait_for_open: bool) -> Flow[SessionRecord]:
    """Returns the session once it is sealed. The deadline is that of the call."""
    watch = Watch(context, session, seal_only=True, wait_for_open=wait_for_open)
    try:
        while (event := (yield from watch.next())) is not None:
            if event.session is not None:
                return event.session
    finally:
        watch.close()
    raise Unavailable("the watch ended before the session was sealed; try again")
