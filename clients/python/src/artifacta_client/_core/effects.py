"""What an operation asks of the driver that runs it.

An operation is a generator, a `Flow`. It yields an effect for each thing that waits, gets the result where it yielded,
and returns its own result. A driver runs it: `_sync/driver.py` blocks, `_aio/driver.py` awaits. So an operation is
written once, and is tested without a network.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, Protocol, TypeVar

from .errors import ArtifactaError

T = TypeVar("T")
Request = TypeVar("Request")
Response = TypeVar("Response")

Flow = Generator[Any, Any, T]

Item = TypeVar("Item", covariant=True)


class Flows(Protocol[Item]):
    """A list of which `next` is a flow; None is the end."""

    def next(self) -> Flow[Item | None]: ...

    def close(self) -> None: ...


class Message(Protocol):
    """What generated messages have."""

    def SerializeToString(self) -> bytes: ...  # noqa: N802


class Method(Generic[Request, Response]):
    """One method of a service, with its path and the types of its messages."""

    __slots__ = ("path", "request_type", "response_type")

    def __init__(self, path: str, request_type: type[Request], response_type: type[Response]) -> None:
        self.path = path
        self.request_type: Any = request_type
        self.response_type: Any = response_type


class Closing(Protocol):
    """A call that can be given up at any time, without waiting."""

    def cancel(self) -> None: ...


class Unary:
    """Makes one call. Result: its response."""

    __slots__ = ("method", "request")

    def __init__(self, method: Method[Any, Any], request: Any) -> None:
        self.method, self.request = method, request


class Begin:
    """Begins a call whose answer is a stream. Result: the stream, for `Next`; it is given up by its `cancel`."""

    __slots__ = ("method", "request")

    def __init__(self, method: Method[Any, Any], request: Any) -> None:
        self.method, self.request = method, request


class Next:
    """Waits for the next message of a stream. Result: the message, or None at the end.

    If none comes within `within` seconds, the stream is cancelled and an error of the class `late` is raised. None: no
    limit.
    """

    __slots__ = ("late", "stream", "within")

    def __init__(self, stream: Closing, within: float | None, late: type[ArtifactaError]) -> None:
        self.stream, self.within, self.late = stream, within, late


class BeginUpload:
    """Begins a call whose request is a stream. Result: the upload, for `Write` and `Finish`.

    `idle` is sent whenever nothing else was for some seconds, so that a slow source is not taken for a dead one.
    """

    __slots__ = ("idle", "method")

    def __init__(self, method: Method[Any, Any], idle: Any) -> None:
        self.method, self.idle = method, idle


class Write:
    """Sends one message of an upload. It waits for room, and raises the error if the call has ended."""

    __slots__ = ("message", "upload")

    def __init__(self, upload: Closing, message: Any) -> None:
        self.upload, self.message = upload, message


class Finish:
    """Ends the request of an upload. Result: the response."""

    __slots__ = ("upload",)

    def __init__(self, upload: Closing) -> None:
        self.upload = upload


class Pause:
    """Waits this number of seconds. Result: False, at once, if the deadline of the operation comes before."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


class Work(Generic[T]):
    """Runs something that blocks, such as reading a file: with asyncio in a thread. Result: its result.

    `ends_soon`: it ends by itself, and is waited for if its task is cancelled. So a file is not closed under a thread
    that uses it.
    """

    __slots__ = ("ends_soon", "run")

    def __init__(self, run: Callable[[], T], ends_soon: bool) -> None:
        self.run, self.ends_soon = run, ends_soon


END = object()
"""The end of the user's own iterator, which may give anything else."""


class Piece:
    """Asks the user's own iterator for its next item. Result: the item, or `END`."""

    __slots__ = ("items",)

    def __init__(self, items: Any) -> None:
        self.items = items


class Revive:
    """Called before a call is repeated. If the driver started a local service that has ended, it starts another."""

    __slots__ = ("error",)

    def __init__(self, error: ArtifactaError) -> None:
        self.error = error


def work(run: Callable[[], T], *, ends_soon: bool = True) -> Flow[T]:
    """Runs something that blocks."""
    result: T = yield Work(run, ends_soon)
    return result
