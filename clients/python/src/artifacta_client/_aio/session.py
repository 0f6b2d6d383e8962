"""A session, which keeps together what one run of an agent produces."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal

from .._content import transfers
from .._content.kinds import AsyncContent
from .._core import artifacts, listing, sessions, tickets, windows
from .._core.errors import ArtifactaError
from .._core.filters import Since
from .._core.messages import Order, Span, Ttl
from .._core.records import (
    Artifact,
    Difference,
    Durability,
    Edge,
    Event,
    Link,
    Outcome,
    Page,
    Piece,
    Retention,
    SessionRecord,
    State,
    Ticket,
    TicketKind,
)
from .._progress import Progressing
from .driver import Driver, Items
from .files import OpenFile

if TYPE_CHECKING:
    from typing_extensions import Unpack

_log = logging.getLogger("artifacta_client")


class Session:
    """A handle on one session.

    `async with store.session("run_42") as session:` opens it, and seals it at the end: SUCCEEDED; FAILED after an
    exception; CANCELLED after a `KeyboardInterrupt`, or if its task is cancelled. A text is the name of an artifact.
    """

    def __init__(
        self, driver: Driver, id: str, settings: sessions.Settings, record: SessionRecord | None = None
    ) -> None:
        self._driver = driver
        self._id = id
        self._settings = settings
        self._record = record
        self._is_sealed = False

    def __repr__(self) -> str:
        return f"<Session {self._id}>"

    @property
    def id(self) -> str:
        return self._id

    @property
    def record(self) -> SessionRecord | None:
        """The record as the last call returned it. None: no call has; `refresh` does."""
        return self._record

    @property
    def state(self) -> State | None:
        return self._record.state if self._record else None

    @property
    def outcome(self) -> Outcome | None:
        return self._record.outcome if self._record else None

    async def __aenter__(self) -> Session:
        await self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_sealed:
            return
        try:
            await self.seal(sessions.outcome_of(error))
        except ArtifactaError as failure:
            if error is None:
                raise
            # The error of the run matters more.
            _log.warning("cannot seal session %s after an error: %s", self._id, failure)

    async def begin(self, *, timeout: float | None = None) -> Session:
        """Opens the session with its settings, or finds one that is open with the same.

        Raises SessionConflict for one with other settings, and SessionSealed for one that is sealed.
        """
        self._record = await self._driver(
            sessions.open_session(self._driver.context, self._id, self._settings), timeout
        )
        return self

    async def seal(
        self,
        outcome: Outcome = "SUCCEEDED",
        *,
        durability: Durability | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Ends the session: it takes nothing afterwards. The same outcome again changes nothing.

        `durability="SHIPPED"` also waits until the seal outlasts the loss of the service's volume. If that takes too
        long, an ArtifactaError has the reason SEAL_PENDING; the session is sealed nevertheless, and the same call waits
        again. Default: what the service is set to.
        """
        flow = sessions.seal(self._driver.context, self._id, outcome, durability)
        self._record = await self._driver(flow, timeout)
        self._is_sealed = True
        return self

    async def amend(
        self, outcome: Literal["SUCCEEDED", "FAILED", "CANCELLED"], *, timeout: float | None = None
    ) -> Session:
        """Says how an ABANDONED session really ended; this can be said once."""
        self._record = await self._driver(sessions.amend(self._driver.context, self._id, outcome), timeout)
        return self

    async def refresh(self, *, timeout: float | None = None) -> Session:
        """Reads its record again."""
        self._record = await self._driver(sessions.get(self._driver.context, self._id), timeout)
        return self

    async def renew(self, *, timeout: float | None = None) -> Session:
        """Renews its lease, as every push of a new version does too."""
        flow = sessions.update(self._driver.context, self._id, labels=None, retention=None, touch=True, etag=None)
        self._record = await self._driver(flow, timeout)
        return self

    async def change(
        self,
        *,
        labels: Mapping[str, str] | None = None,
        retention: Retention | Literal["never"] | None = None,
        etag: str | None = None,
        timeout: float | None = None,
    ) -> Session:
        """Replaces its labels, or its retention while it is open. None: stays. `"never"`: nothing expires by it."""
        flow = sessions.update(
            self._driver.context, self._id, labels=labels, retention=retention, touch=False, etag=etag
        )
        self._record = await self._driver(flow, timeout)
        return self

    async def remove(self, *, etag: str | None = None, timeout: float | None = None) -> bool:
        """Deletes the session with all its artifacts, for good. False: nothing existed to delete."""
        return await self._driver(sessions.delete(self._driver.context, self._id, etag), timeout)

    async def push(
        self,
        content: AsyncContent,
        name: str | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        media_type: str | None = None,
        ttl: Ttl | None = None,
        parents: Sequence[str | Artifact] | None = None,
        request_id: str | None = None,
        new_version: bool = False,
        progress: Progressing = None,
        timeout: float | None = None,
    ) -> Artifact:
        """Stores content under a name. When it returns, the artifact is durable; its `pushed` says what was made.

        Args:
            content: A path (`pathlib.Path`), text (`str`), bytes, a binary file, an iterable of bytes, a mapping or a
                list (as JSON), or a pandas DataFrame (as Parquet, or as CSV if the name ends in `.csv`).
            name: `/` separates segments. Default: the last part of the path of a file.
            metadata: Provenance, which never changes.
            labels: Annotations, which may change later.
            media_type: Default: the service guesses it from the name.
            ttl: Its own expiry: so long after the push, or at an instant.
            parents: The artifacts that it was made from, or their ids.
            request_id: Makes a repetition by another process safe. Default: one of its own, for its own repetitions.
            new_version: Makes a version even of equal bytes; needs `request_id`.
            progress: A function that gets a `Progress` after each piece, or True for a bar of tqdm.
            timeout: For the whole push, in seconds. Default: none.

        Raises:
            ArtifactaError: The service refused, or cannot be reached. Nothing is stored, unless its code is
                UNAVAILABLE or DEADLINE_EXCEEDED: then a push with the same `request_id` finds out.
            Exception: What the content raised while it was read. Nothing is stored.

        """
        if self._record is None and self._settings.are_given:
            await self.begin()
        reading = self._driver.kind_of(content, name)
        flow = transfers.push(
            self._driver.context,
            reading,
            self._id,
            metadata=metadata,
            labels=labels,
            media_type=media_type,
            ttl=ttl,
            parents=parents,
            request_id=request_id,
            new_version=new_version,
            progress=progress,
        )
        return await self._driver(flow, timeout)

    async def pull(
        self,
        ref: str | Artifact,
        to: str | os.PathLike[str] | None = None,
        *,
        progress: Progressing = None,
        timeout: float | None = None,
    ) -> str:
        """Writes an artifact to a file; see `Store.pull`."""
        return await self._driver(transfers.pull(self._driver.context, ref, self._id, to, progress), timeout)

    async def open(self, ref: str | Artifact, *, timeout: float | None = None) -> OpenFile:
        """Opens an artifact for reading; see `Store.open`."""
        return self._driver.file(await self.get(ref, timeout=timeout)).opened()

    async def read(
        self, ref: str | Artifact, *, timeout: float | None = None, **window: Unpack[windows.Window]
    ) -> Piece:
        """Reads a bounded piece; see `Store.read`."""
        request = windows.read_request(ref, self._id, **window)
        return await self._driver(windows.read(self._driver.context, request), timeout)

    def pieces(self, ref: str | Artifact, **window: Unpack[windows.Window]) -> Items[Piece]:
        """Reads all pieces of a window, one in memory at a time."""
        request = windows.read_request(ref, self._id, **window)
        return Items(self._driver, windows.Pieces(self._driver.context, request))

    async def get(self, ref: str | Artifact, *, timeout: float | None = None) -> Artifact:
        """Returns the record of an artifact."""
        return await self._driver(artifacts.get(self._driver.context, ref, self._id), timeout)

    def query(
        self,
        filter: str | None = None,
        *,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        since: Since | None = None,
        order: Order = "newest",
        all_versions: bool = False,
        limit: int | None = None,
    ) -> Items[Artifact]:
        """Finds artifacts of the session, and pages by itself; see `Store.query`."""
        query = {"name": name, "metadata": metadata, "since": since, "order": order, "all_versions": all_versions}
        found = listing.list_artifacts(self._driver.context, limit, filter=filter, session=self._id, **query)
        return Items(self._driver, found)

    async def query_page(
        self,
        filter: str | None = None,
        *,
        page_size: int = 100,
        page_token: str = "",
        explain: bool = False,
        estimate_total: bool = False,
        preview_bytes: int = 0,
        timeout: float | None = None,
    ) -> Page:
        """Returns one page of artifacts of the session; see `Store.query_page`."""
        request = listing.list_request(
            filter=filter,
            session=self._id,
            name=None,
            metadata=None,
            since=None,
            order="newest",
            all_versions=False,
            page_size=page_size,
            page_token=page_token,
            explain=explain,
            estimate_total=estimate_total,
            preview_bytes=preview_bytes,
        )
        return await self._driver(listing.query_page(self._driver.context, request), timeout)

    async def update(
        self,
        ref: str | Artifact,
        *,
        labels: Mapping[str, str] | None = None,
        ttl: Ttl | Literal["never"] | None = None,
        hold: bool | None = None,
        etag: str | None = None,
        timeout: float | None = None,
    ) -> Artifact:
        """Changes the labels, the own expiry or the hold of an artifact; see `Store.update`."""
        flow = artifacts.update(self._driver.context, ref, self._id, labels=labels, ttl=ttl, hold=hold, etag=etag)
        return await self._driver(flow, timeout)

    async def delete(self, ref: str | Artifact, *, etag: str | None = None, timeout: float | None = None) -> bool:
        """Deletes one version of an artifact, for good. False: nothing existed to delete."""
        return await self._driver(artifacts.delete(self._driver.context, ref, self._id, etag), timeout)

    def lineage(
        self,
        ref: str | Artifact,
        direction: Literal["inputs", "derived"] = "inputs",
        *,
        depth: int = 1,
        limit: int | None = None,
    ) -> Items[Edge]:
        """Lists what an artifact was made from, or what was made from it; see `Store.lineage`."""
        found = listing.lineage(self._driver.context, ref, self._id, direction=direction, depth=depth, limit=limit)
        return Items(self._driver, found)

    async def share(
        self,
        ref: str | Artifact,
        *,
        ttl: Ttl | None = None,
        require_url: bool = False,
        timeout: float | None = None,
    ) -> Link:
        """Makes a link with which anyone reads one version; see `Store.share`."""
        flow = artifacts.share(self._driver.context, ref, self._id, ttl, require_url=require_url)
        return await self._driver(flow, timeout)

    def links(self, *, ended: bool = False, limit: int | None = None) -> Items[Link]:
        """Lists the share links of the session's artifacts."""
        found = listing.list_links(self._driver.context, None, self._id, ended=ended, limit=limit)
        return Items(self._driver, found)

    async def ticket(
        self,
        kind: TicketKind,
        ref: str | Artifact | None = None,
        *,
        ttl: Span | None = None,
        require_uri: bool = False,
        timeout: float | None = None,
        **target: Unpack[tickets.ToPush],
    ) -> Ticket:
        """Makes a ticket for an artifact of the session, or for the whole session; see `Store.ticket`.

        A ticket to push opens the session, if it has settings, as a push does.
        """
        request = tickets.ticket_request(kind, ref, self._id, ttl=ttl, require_uri=require_uri, **target)
        if kind == "push" and self._record is None and self._settings.are_given:
            await self.begin()
        return await self._driver(tickets.create(self._driver.context, kind, request), timeout)

    def watch(self, *, after: int = 0, wait_for_open: bool = False) -> Items[Event]:
        """Yields the events of the session, each once and in order, until it is sealed, which is the last.

        After a lost connection it continues where it broke. `after`: only events with a higher number.
        `wait_for_open`: waits for a session that was not opened yet.
        """
        flows = sessions.Watch(self._driver.context, self._id, after=after, wait_for_open=wait_for_open)
        return Items(self._driver, flows)

    async def wait(self, timeout: float | None = None, *, wait_for_open: bool = False) -> Session:
        """Waits until the session is sealed. Raises DeadlineExceeded after `timeout` seconds."""
        flow = sessions.wait(self._driver.context, self._id, wait_for_open=wait_for_open)
        self._record = await self._driver(flow, timeout)
        return self

    def compare(self, base: str | Session, *, unchanged: bool = False, limit: int | None = None) -> Items[Difference]:
        """Lists the names that differ from those of another session, such as the last good run."""
        base_id = base.id if isinstance(base, Session) else base
        found = listing.compare(self._driver.context, base_id, self._id, unchanged=unchanged, limit=limit)
        return Items(self._driver, found)


def session_of(
    driver: Driver,
    id: str | None,
    metadata: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    retention: Retention | None,
    lease: Span | None,
    expected_outputs: Sequence[str] | None,
) -> Session:
    """Returns the handle on a session; nothing is sent."""
    settings = sessions.Settings(metadata, labels, retention, lease, expected_outputs)
    return Session(driver, sessions.new_id() if id is None else id, settings)
