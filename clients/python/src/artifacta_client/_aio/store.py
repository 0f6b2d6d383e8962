"""A store: the connection to a service, and what can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from .._content import transfers
from .._core import artifacts, listing, sessions, tickets, windows
from .._core.errors import invalid
from .._core.filters import Since
from .._core.messages import ArtifactRef, Order, Span, Ttl
from .._core.records import Artifact, Caller, Edge, Link, Page, Piece, Retention, ServerInfo, Ticket, TicketKind
from .._core.retry import RetryPolicy
from .._progress import Progressing
from .._settings import Token, read_settings
from .driver import Driver, Items
from .files import OpenFile
from .session import Session, session_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


def connect(
    url: str | None = None,
    *,
    token: Token | None = None,
    namespace: str | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    timeout: float = 30.0,
    retry: RetryPolicy | None = None,
    compress: bool = False,
) -> Store:
    """Returns the store of a service. Nothing is sent before the first call, or before `async with` is entered.

    Args:
        url: `grpc://HOST:PORT`, `grpcs://HOST:PORT` (TLS), both with port 50051 by default, or `unix:/PATH`. Default:
            `ARTIFACTA_URL`, else what the command line keeps, else the service of the data directory, which is started
            if none runs.
        token: The bearer token, or a function that returns it, for each call. Default: `ARTIFACTA_TOKEN`, or the file
            `ARTIFACTA_TOKEN_FILE`.
        namespace: Only operators may name another than that of their token. Default: `ARTIFACTA_NAMESPACE`.
        data_dir: The data directory whose service is used. Default: `ARTIFACTA_DATA_DIR`, else that of the command
            line.
        timeout: The deadline of one try of a call, in seconds. Streams have none; but their first message has.
        retry: How calls are repeated that failed for a reason that passes.
        compress: Compress requests by gzip. Most artifacts that are large are compressed already.

    Raises:
        InvalidArgument: A setting cannot be used; the error names it.

    """
    if not timeout > 0:
        raise invalid("timeout", f"must be a number of seconds above 0, not {timeout!r}")
    settings = read_settings(url, token, namespace, data_dir)
    return Store(Driver(settings, timeout, retry or RetryPolicy(), compress=compress))


class Store:
    """Stores and finds what agents produce. `connect` makes one; `async with` closes it.

    Artifacts are named by their id `art_…`, by `"SESSION/NAME"`, by a `Ref`, or by their record. Calls that fail for a
    reason that passes are repeated, which is safe for all of them. All methods raise ArtifactaError.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def __aenter__(self) -> Store:
        await self._driver.open()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection. A service that was started for it ends, unless others use it."""
        await self._driver.close()

    def session(
        self,
        id: str | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        retention: Retention | None = None,
        lease: Span | None = None,
        expected_outputs: Sequence[str] | None = None,
    ) -> Session:
        """Returns a handle on a session: `async with` opens it, and seals it at the end by how the block ended.

        Args:
            id: 1 to 128 of `[A-Za-z0-9._:-]`. Default: a new one.
            metadata: Provenance, which its artifacts inherit.
            labels: Annotations, which may change.
            retention: How long its artifacts live after the seal. Default: the namespace's policy.
            lease: The session is sealed as ABANDONED if nothing new is pushed, and `renew` is not called, for so long.
            expected_outputs: Names that the run should produce. Those that are missing at the seal are reported.

        """
        return session_of(self._driver, id, metadata, labels, retention, lease, expected_outputs)

    def sessions(
        self, filter: str | None = None, *, order: Order = "newest", limit: int | None = None
    ) -> Items[Session]:
        """Finds sessions, e.g. `metadata.pipeline = "billing" AND session.outcome = "FAILED"`."""
        found = listing.list_sessions(self._driver.context, filter, order, limit)
        return Items(
            self._driver,
            listing.Mapped(found, lambda record: Session(self._driver, record.id, sessions.Settings(), record)),
        )

    async def pull(
        self,
        ref: ArtifactRef,
        to: str | os.PathLike[str] | None = None,
        *,
        progress: Progressing = None,
        timeout: float | None = None,
    ) -> str:
        """Writes an artifact to a file, and returns its path.

        The file gets its name only when all bytes have arrived and have their SHA-256; an existing file is replaced.

        Args:
            ref: The artifact.
            to: A file, or a directory that exists or ends in `/`. Default: the last part of the artifact's name, in
                the working directory.
            progress: A function that gets a `Progress` after each piece, or True for a bar of tqdm.
            timeout: For the whole pull, in seconds. Default: none.

        """
        return await self._driver(transfers.pull(self._driver.context, ref, None, to, progress), timeout)

    async def open(self, ref: ArtifactRef, *, timeout: float | None = None) -> OpenFile:
        """Opens an artifact for reading, from anywhere in it: a binary file that can seek.

        It stays on one version. What is read from the beginning to the end is checked by its SHA-256.
        """
        return self._driver.file(await self.get(ref, timeout=timeout)).opened()

    async def read(self, ref: ArtifactRef, *, timeout: float | None = None, **window: Unpack[windows.Window]) -> Piece:
        """Reads a bounded piece, in a shape that a language model can use. Without a window: from the beginning.

        Args:
            ref: The artifact.
            timeout: For the call in all, in seconds. Default: that of the store, for each try.
            **window: One of: `lines=20` (the first), `lines=-20` (the last), `lines=range(10, 20)`; `grep="ERROR"`
                with `ignore_case`, `before`, `after`, `max_matches`, `invert`; `pointer="/rows/0"` (JSON);
                `rows=10` or a range, with `columns`, `delimiter` (CSV); `offset` and `limit` (bytes). With each:
                `max_bytes` and `cursor`.

        """
        request = windows.read_request(ref, None, **window)
        return await self._driver(windows.read(self._driver.context, request), timeout)

    def pieces(self, ref: ArtifactRef, **window: Unpack[windows.Window]) -> Items[Piece]:
        """Reads all pieces of a window, one in memory at a time; all are of one version."""
        request = windows.read_request(ref, None, **window)
        return Items(self._driver, windows.Pieces(self._driver.context, request))

    async def get(self, ref: ArtifactRef, *, timeout: float | None = None) -> Artifact:
        """Returns the record of an artifact."""
        return await self._driver(artifacts.get(self._driver.context, ref, None), timeout)

    def query(
        self,
        filter: str | None = None,
        *,
        session: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        since: Since | None = None,
        order: Order = "newest",
        all_versions: bool = False,
        limit: int | None = None,
    ) -> Items[Artifact]:
        """Finds artifacts, and pages by itself: one page is in memory at a time.

        Args:
            filter: E.g. `content_type = "application/json" AND size_bytes > 1MiB`.
            session: Only this session's artifacts. Required with `name` and `all_versions`.
            name: Only artifacts of this name.
            metadata: Only artifacts with these values.
            since: Only artifacts from this instant on: a `datetime`, or so long ago: a `timedelta`, or `"7d"`.
            order: By the time of the commit.
            all_versions: Older versions too.
            limit: The largest number of artifacts.

        """
        query = {"name": name, "metadata": metadata, "since": since, "order": order, "all_versions": all_versions}
        found = listing.list_artifacts(self._driver.context, limit, filter=filter, session=session, **query)
        return Items(self._driver, found)

    async def query_page(
        self,
        filter: str | None = None,
        *,
        session: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        since: Since | None = None,
        order: Order = "newest",
        all_versions: bool = False,
        page_size: int = 100,
        page_token: str = "",
        explain: bool = False,
        estimate_total: bool = False,
        preview_bytes: int = 0,
        timeout: float | None = None,
    ) -> Page:
        """Returns one page, and what else a query can say.

        Args:
            filter: As in `query`, like those that follow it.
            session: Only this session's artifacts.
            name: Only artifacts of this name.
            metadata: Only artifacts with these values.
            since: Only artifacts from this instant on.
            order: By the time of the commit.
            all_versions: Older versions too.
            page_size: 1 to 1,000.
            page_token: The `next_page_token` of the page before. All else but `page_size` must be the same.
            explain: Say how the filter was understood, and what the answer cost.
            estimate_total: Say about how many artifacts match, with the first page.
            preview_bytes: Return this number of first bytes of each artifact that is text, at most 1,024.
            timeout: For the call in all, in seconds.

        """
        request = listing.list_request(
            filter=filter,
            session=session,
            name=name,
            metadata=metadata,
            since=since,
            order=order,
            all_versions=all_versions,
            page_size=page_size,
            page_token=page_token,
            explain=explain,
            estimate_total=estimate_total,
            preview_bytes=preview_bytes,
        )
        return await self._driver(listing.query_page(self._driver.context, request), timeout)

    async def update(
        self,
        ref: ArtifactRef,
        *,
        labels: Mapping[str, str] | None = None,
        ttl: Ttl | Literal["never"] | None = None,
        hold: bool | None = None,
        etag: str | None = None,
        timeout: float | None = None,
    ) -> Artifact:
        """Changes labels, own expiry or hold of an artifact. What is None stays.

        Args:
            ref: The artifact.
            labels: Replace all labels.
            ttl: The own expiry; `"never"` removes it.
            hold: True: it neither expires nor can be deleted.
            etag: Only if it still has this one; else EtagMismatch. The call is then not repeated.
            timeout: For the call in all, in seconds.

        """
        flow = artifacts.update(self._driver.context, ref, None, labels=labels, ttl=ttl, hold=hold, etag=etag)
        return await self._driver(flow, timeout)

    async def delete(self, ref: ArtifactRef, *, etag: str | None = None, timeout: float | None = None) -> bool:
        """Deletes one version, for good. False: nothing existed to delete."""
        return await self._driver(artifacts.delete(self._driver.context, ref, None, etag), timeout)

    def lineage(
        self,
        ref: ArtifactRef,
        direction: Literal["inputs", "derived"] = "inputs",
        *,
        depth: int = 1,
        limit: int | None = None,
    ) -> Items[Edge]:
        """Lists the artifacts that one was made from, or (`derived`) those that were made from it, by depth."""
        found = listing.lineage(self._driver.context, ref, None, direction=direction, depth=depth, limit=limit)
        return Items(self._driver, found)

    async def share(
        self,
        ref: ArtifactRef,
        *,
        ttl: Ttl | None = None,
        require_url: bool = False,
        timeout: float | None = None,
    ) -> Link:
        """Makes a link with which anyone reads one version without credentials. Its `url` is a secret.

        Args:
            ref: The artifact. Without a version, it is the one that is the latest now.
            ttl: How long it works: at most 30 days. Default: 24 hours.
            require_url: Fail, and make nothing, unless the service knows its public URL.
            timeout: For the call in all, in seconds.

        """
        flow = artifacts.share(self._driver.context, ref, None, ttl, require_url=require_url)
        return await self._driver(flow, timeout)

    def links(
        self,
        ref: ArtifactRef | None = None,
        *,
        session: str | None = None,
        ended: bool = False,
        limit: int | None = None,
    ) -> Items[Link]:
        """Lists share links: of an artifact, of a session, or of the namespace. `ended`: also those that are over."""
        if ref is not None and session is not None:
            raise invalid("session", "cannot be given together with an artifact; give one of them")
        found = listing.list_links(self._driver.context, ref, session, ended=ended, limit=limit)
        return Items(self._driver, found)

    async def revoke(
        self,
        link: Link | str | None = None,
        *,
        ref: ArtifactRef | None = None,
        session: str | None = None,
        timeout: float | None = None,
    ) -> int:
        """Ends links for good: one, those of an artifact, or those of a session. Returns how many were in force."""
        return await self._driver(artifacts.revoke(self._driver.context, link, ref, session), timeout)

    async def ticket(
        self,
        kind: TicketKind,
        ref: ArtifactRef | None = None,
        *,
        ttl: Span | None = None,
        require_uri: bool = False,
        timeout: float | None = None,
        **target: Unpack[tickets.Target],
    ) -> Ticket:
        """Makes a ticket: a URL for one thing, without other credentials. It acts with the rights of this client.

        Args:
            kind: `"read"`: GET the content of one artifact. `"preview"`: the same, shown in an origin of its own.
                `"archive"`: GET a session as a zip file. `"push"`: PUT the bytes of one artifact.
            ref: For `read` and `preview`, the artifact. The ticket stays on the version that is the latest now.
            ttl: How long it works: 1 second to 5 minutes. Default: 5 minutes.
            require_uri: Fail, unless the service knows its public URL.
            timeout: For the call in all, in seconds.
            **target: For `archive`: `session`. For `push`: `session` and `name`, and what else is decided about the
                artifact: `max_bytes`, `metadata`, `labels`, `media_type`, `parents`, `artifact_ttl`, `new_version`.

        """
        request = tickets.ticket_request(kind, ref, None, ttl=ttl, require_uri=require_uri, **target)
        return await self._driver(tickets.create(self._driver.context, kind, request), timeout)

    async def caller(self, *, timeout: float | None = None) -> Caller:
        """Returns who the caller is, as the service identifies it, and its rights."""
        return await self._driver(artifacts.caller(self._driver.context), timeout)

    async def server_info(self, *, timeout: float | None = None) -> ServerInfo:
        """Returns the version of the service, what it can do, and its limits."""
        return await self._driver(artifacts.server_info(self._driver.context), timeout)
