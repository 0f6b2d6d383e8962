"""Lists: artifacts, sessions, links, lineage. One page is in memory at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from .._pb.artifacta.v1 import artifact_service_pb2 as artifacts
from .._pb.artifacta.v1 import compare_pb2, lineage_pb2, session_service_pb2, share_link_pb2
from . import methods
from .effects import Flow, T
from .errors import invalid
from .filters import Since, combined
from .messages import (
    ArtifactRef,
    Order,
    artifact_from,
    edge_from,
    link_from,
    order_value,
    page_from,
    ref_message,
    require_text,
    session_from,
    whole,
)
from .records import Artifact, Difference, Edge, Link, Page, SessionRecord
from .retry import Context, unary

U = TypeVar("U")

_PAGE_SIZE = 500


class Cursor(Generic[T]):
    """The items of a list, one after the other. `next` is a flow: None is the end."""

    def __init__(self, fetch: Callable[[int, str], Flow[tuple[Sequence[T], str]]], limit: int | None) -> None:
        self._fetch = fetch
        self._left = None if limit is None else whole("limit", limit, 64)
        self._items: deque[T] = deque()
        self._token: str | None = ""

    def next(self) -> Flow[T | None]:
        # A page may be empty and still have a successor.
        while not self._items:
            if self._token is None or (self._left is not None and self._left <= 0):
                return None
            size = _PAGE_SIZE if self._left is None else min(_PAGE_SIZE, self._left)
            items, token = yield from self._fetch(size, self._token)
            self._items.extend(items if self._left is None else items[: self._left])
            self._left = None if self._left is None else self._left - len(self._items)
            self._token = token or None
        return self._items.popleft()

    def close(self) -> None:
        """Ends the list before its end."""
        self._items.clear()
        self._token = None


class Mapped(Generic[T, U]):
    """The items of a list as something else."""

    def __init__(self, items: Cursor[T], make: Callable[[T], U]) -> None:
        self._items, self._make = items, make

    def next(self) -> Flow[U | None]:
        item = yield from self._items.next()
        return None if item is None else self._make(item)

    def close(self) -> None:
        self._items.close()


def list_request(
    *,
    filter: str | None,
    session: str | None,
    name: str | None,
    metadata: Mapping[str, str] | None,
    since: Since | None,
    order: Order,
    all_versions: bool,
    **more: Any,
) -> artifacts.ListArtifactsRequest:
    if session is None and (name is not None or all_versions):
        raise invalid("session", "is required with name or all_versions")
    return artifacts.ListArtifactsRequest(
        session=require_text("session", session or ""),
        name=require_text("name", name or ""),
        filter=require_text("filter", combined(filter, metadata, since)),
        order=order_value(order),
        all_versions=all_versions,
        **more,
    )


def list_artifacts(context: Context, limit: int | None, **query: Any) -> Cursor[Artifact]:
    request = list_request(**query)

    def fetch(size: int, token: str) -> Flow[tuple[Sequence[Artifact], str]]:
        request.page_size, request.page_token = size, token
        response = yield from unary(context, methods.LIST, request)
        return [artifact_from(one) for one in response.artifacts], response.next_page_token

    return Cursor(fetch, limit)


def query_page(context: Context, request: artifacts.ListArtifactsRequest) -> Flow[Page]:
    return page_from((yield from unary(context, methods.LIST, request)))


def list_sessions(context: Context, filter: str | None, order: Order, limit: int | None) -> Cursor[SessionRecord]:
    request = session_service_pb2.ListSessionsRequest(
        filter=require_text("filter", filter or ""), order=order_value(order)
    )

    def fetch(size: int, token: str) -> Flow[tuple[Sequence[SessionRecord], str]]:
        request.page_size, request.page_token = size, token
        response = yield from unary(context, methods.LIST_SESSIONS, request)
        return [session_from(one) for one in response.sessions], response.next_page_token

    return Cursor(fetch, limit)


def list_links(
    context: Context, ref: ArtifactRef | None, session: str | None, *, ended: bool, limit: int | None
) -> Cursor[Link]:
    request = share_link_pb2.ListShareLinksRequest(show_ended=ended)
    if ref is not None:
        request.artifact.CopyFrom(ref_message(ref, session))
    elif session is not None:
        request.session = require_text("session", session)

    def fetch(size: int, token: str) -> Flow[tuple[Sequence[Link], str]]:
        request.page_size, request.page_token = size, token
        response = yield from unary(context, methods.LIST_LINKS, request)
        return [link_from(one) for one in response.share_links], response.next_page_token

    return Cursor(fetch, limit)


def lineage(
    context: Context, ref: ArtifactRef, session: str | None, *, direction: str, depth: int, limit: int | None
) -> Cursor[Edge]:
    if direction not in ("inputs", "derived"):
        raise invalid("direction", f"must be 'inputs' or 'derived', not {direction!r}")
    value = lineage_pb2.LINEAGE_DIRECTION_DERIVED if direction == "derived" else lineage_pb2.LINEAGE_DIRECTION_INPUTS
    request = lineage_pb2.ListLineageRequest(
        artifact=ref_message(ref, session), direction=value, depth=whole("depth", depth, 32)
    )

    def fetch(size: int, token: str) -> Flow[tuple[Sequence[Edge], str]]:
        request.page_size, request.page_token = size, token
        response = yield from unary(context, methods.LINEAGE, request)
        return [edge_from(one) for one in response.edges], response.next_page_token

    return Cursor(fetch, limit)


def compare(context: Context, base: str, session: str, *, unchanged: bool, limit: int | None) -> Cursor[Difference]:
    request = compare_pb2.CompareSessionsRequest(base_session=base, session=session, show_unchanged=unchanged)

    def difference(message: compare_pb2.SessionDifference) -> Difference:
        kind = compare_pb2.DifferenceKind.Name(message.kind).removeprefix("DIFFERENCE_KIND_")
        before = artifact_from(message.base) if message.HasField("base") else None
        after = artifact_from(message.compared) if message.HasField("compared") else None
        return Difference(kind, message.name, before, after)

    def fetch(size: int, token: str) -> Flow[tuple[Sequence[Difference], str]]:
        request.page_size, request.page_token = size, token
        response = yield from unary(context, methods.COMPARE, request)
        return [difference(one) for one in response.differences], response.next_page_token

    return Cursor(fetch, limit)
