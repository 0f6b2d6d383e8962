"""What the client returns: plain values that do not change. Times are in UTC, lengths in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Outcome = Literal["SUCCEEDED", "FAILED", "CANCELLED", "ABANDONED"]
Durability = Literal["LOCAL", "SHIPPED"]
State = Literal["OPEN", "SEALING", "SEALED"]
Pushed = Literal["new", "version", "unchanged"]
TicketKind = Literal["read", "preview", "archive", "push"]


@dataclass(frozen=True)
class Artifact:
    """The record of an artifact: bytes that a session produced, under a name and a version."""

    id: str
    """`art_` and 26 characters."""
    session: str
    name: str
    """In Unicode NFC; `/` separates segments."""
    version: int
    """1, 2, 3… among the versions of this session and name."""
    sha256: str
    """64 lower-case hexadecimal characters."""
    size_bytes: int
    media_type: str
    """In filters and in the protocol: `content_type`."""
    metadata: Mapping[str, str]
    inherited_metadata_keys: tuple[str, ...]
    """The keys of `metadata` that came from the session."""
    labels: Mapping[str, str]
    parents: tuple[str, ...]
    """The ids of the artifacts that it was made from. In the protocol: `inputs`."""
    create_time: datetime
    expire_time: datetime | None
    """None: at present it has no expiry."""
    expiry_source: Literal["NONE", "ARTIFACT", "SESSION_POLICY"]
    hold: bool
    """True: it neither expires nor can be deleted."""
    sequence: int
    """Its number in the session's feed."""
    latest: bool
    """True if no higher version of this name was ever committed."""
    etag: str
    pushed: Pushed | None = field(default=None, compare=False)
    """What the push did that returned this record: made a `new` name, made a `version`, or found the same bytes as the
    latest version, `unchanged`. None: the record is not of a push."""
    replayed: bool = field(default=False, compare=False)
    """True: an earlier push with this request id had succeeded, and this is its result."""


@dataclass(frozen=True)
class KeepLast:
    """Keeps the `count` (1 to 100) sessions that were sealed last for each value of a key of their metadata."""

    count: int
    metadata_key: str
    outcomes: tuple[Outcome, ...] = ("SUCCEEDED",)


@dataclass(frozen=True)
class Retention:
    """How long artifacts live after the seal, by outcome. None: without a limit."""

    succeeded: timedelta | None = None
    failed: timedelta | None = None
    cancelled: timedelta | None = None
    abandoned: timedelta | None = None
    keep_last: KeepLast | None = None


@dataclass(frozen=True)
class Lease:
    """The time between renewals, and when it lapses."""

    duration: timedelta
    expire_time: datetime | None


@dataclass(frozen=True)
class Manifest:
    """The list of everything that was live at the seal."""

    sha256: str
    size_bytes: int
    line_count: int


@dataclass(frozen=True)
class SessionRecord:
    """The record of a session, which keeps together what one run of an agent produces."""

    id: str
    uid: str
    """No other session ever has it, even if another gets the same id later."""
    state: State
    outcome: Outcome | None
    """None while it is open."""
    metadata: Mapping[str, str]
    labels: Mapping[str, str]
    create_time: datetime
    update_time: datetime | None
    seal_time: datetime | None
    expire_time: datetime | None
    artifact_count: int
    size_bytes: int
    hold_count: int
    last_sequence: int
    expected_outputs: tuple[str, ...]
    missing_outputs: tuple[str, ...]
    """The expected names that had no live artifact at the seal."""
    retention: Retention
    kept: bool
    lease: Lease | None
    manifest: Manifest | None
    """None until the seal is complete."""
    etag: str


@dataclass(frozen=True)
class Event:
    """An event of a session. `sequence` is its number; a later watch can begin after it."""

    kind: Literal["committed", "deleted", "sealed"]
    """The last event is `sealed`."""
    sequence: int
    time: datetime | None
    artifact: Artifact | None = None
    """With `committed`."""
    artifact_id: str | None = None
    """With `committed` and `deleted`."""
    session: SessionRecord | None = None
    """With `sealed`."""


@dataclass(frozen=True)
class Match:
    """A line that matched: its number in the artifact, the offset of its first byte, its number in the piece."""

    line: int
    offset: int
    text_line: int


@dataclass(frozen=True)
class Piece:
    """A bounded piece of an artifact."""

    artifact: Artifact
    text: str | None
    """None if the piece is not UTF-8, which only a window of bytes allows."""
    data: bytes
    """The piece as bytes: those of `text`, or those that are not text."""
    start_offset: int | None
    end_offset: int | None
    first_line: int | None
    """The number of the first line or row, from 1, if known."""
    matches: tuple[Match, ...]
    truncated: bool
    next_cursor: str
    """Empty: this is the end of the window."""
    malformed_lines: int
    """The number of lines or rows with bytes that are not text, for which U+FFFD stands."""


@dataclass(frozen=True)
class Edge:
    """One step of lineage: `derived_id` was made from `input_id`."""

    derived_id: str
    input_id: str
    depth: int
    """The number of steps from the start to the far end, from 1."""
    artifact: Artifact | None
    """The far end. None: it has expired, was deleted, or may not be read."""


@dataclass(frozen=True)
class Link:
    """A share link, with which anyone reads one version of an artifact until it ends."""

    id: str
    """Names the link, and opens nothing."""
    artifact_id: str
    session: str
    name: str
    version: int
    create_time: datetime | None
    expire_time: datetime | None
    revoke_time: datetime | None
    creator: str
    url: str | None = field(default=None, repr=False)
    """Only in the answer of `share`, and None if the service does not know its URL. It is a secret."""
    path: str | None = field(default=None, repr=False)
    """Only in the answer of `share`: the path to append to the address of the HTTP listener. It is a secret."""


@dataclass(frozen=True)
class Ticket:
    """A URL for one thing, without other credentials. It ends after five minutes at most, and cannot be revoked."""

    id: str
    """`tkt_` and 32 hexadecimal digits. It names the ticket, and opens nothing."""
    kind: TicketKind
    path: str = field(repr=False)
    """The path to append to the address of the HTTP listener. It is a secret."""
    uri: str | None = field(repr=False)
    """The whole URL. None: the service does not know its public URL. It is a secret."""
    local_uri: str | None = field(repr=False)
    """The URL at the address where the service itself listens for HTTP. None: it serves no HTTP. It is a secret."""
    expire_time: datetime
    size: int | None
    """`read` and `preview`: the length of the content. `push`: `max_bytes`, if it was given. Otherwise None."""
    digest: str | None
    """`read` and `preview`: `sha-256:` and 64 hexadecimal digits. Otherwise None."""


@dataclass(frozen=True)
class Explanation:
    """How a filter was understood, and what the answer cost. For people."""

    filter: str
    driver: str
    tests: tuple[str, ...]
    entries_read: int
    probes: int
    records_read: int
    budget: int


@dataclass(frozen=True)
class Page:
    """One page of artifacts. It may be short, even empty, and still have a successor."""

    artifacts: tuple[Artifact, ...]
    next_page_token: str
    """Empty: no further page exists."""
    explanation: Explanation | None
    approximate_total: int | None
    previews: Mapping[str, str]
    """The first text of artifacts, by artifact id."""


@dataclass(frozen=True)
class Difference:
    """A name that differs between two sessions. None: the session has no live artifact of the name."""

    kind: str
    name: str
    base: Artifact | None
    artifact: Artifact | None


@dataclass(frozen=True)
class Caller:
    """The caller, as the service identifies it, and its rights."""

    subject: str
    """The id of an API key or of a token, the subject of a JWT or certificate, or `local` without credentials."""
    namespace: str
    scopes: tuple[str, ...]
    """`read`, `share`, `write`."""
    operator: bool
    expire_time: datetime | None
    """None: the credentials do not end by themselves."""
    sessions: tuple[str, ...]
    """The sessions that the credentials are good for. Empty, and `session_prefixes` too: all."""
    session_prefixes: tuple[str, ...]
    """What the ids of further sessions begin with."""
    name_prefix: str
    """What the names of artifacts begin with. Empty: all names."""
    max_push_bytes: int | None
    """The number of bytes that may be pushed in all. None: no limit."""
    max_artifact_bytes: int | None
    """The size of the largest artifact that may be pushed. None: the limit of the service."""


@dataclass(frozen=True)
class ServerInfo:
    """What a service says about itself."""

    version: str
    methods: tuple[str, ...]
    features: tuple[str, ...]
    authentication_required: bool
    limits: Mapping[str, int | timedelta]
    """By their names in `ServerLimits`, e.g. `max_artifact_bytes`. A limit that the service does not know is absent."""


@dataclass(frozen=True)
class Progress:
    """How far a push or a pull is. A repetition after a lost connection begins at 0 again."""

    phase: Literal["hashing", "sending", "receiving"]
    bytes: int
    total: int | None
    """None: not known before the end."""
