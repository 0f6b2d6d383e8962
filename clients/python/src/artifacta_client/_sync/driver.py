"""Runs operations by blocking calls of gRPC."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from .. import _forks
from .._content.kinds import Kind, kind_of
from .._core import effects
from .._core.downloads import RangeReader
from .._core.effects import Flow, Flows, Method
from .._core.errors import ArtifactaError, CallCancelled, DeadlineExceeded, Unavailable
from .._core.records import Artifact
from .._core.retry import Context, RetryPolicy
from .._core.statuses import error_from
from .._endpoint import Endpoint, channel_options, endpoint_of, headers, tls_files
from .._settings import Settings
from .alarm import Alarm, Deadline
from .files import ArtifactFile

if TYPE_CHECKING:
    from .._local import LocalService

T = TypeVar("T")

_IDLE_SECONDS = 10.0
"""How long a source may be silent before the service gets a sign of life; the service ends uploads after 30 s."""
_AHEAD = 2
"""The number of messages of an upload that wait to be sent."""


class Driver:
    """One connection to a service, made at the first call, and what runs operations over it."""

    def __init__(
        self,
        settings: Settings,
        timeout: float,
        retry: RetryPolicy,
        *,
        compress: bool = False,
        idle: float = _IDLE_SECONDS,
    ) -> None:
        self._settings = settings
        url = settings.url if settings.place is None else f"unix:{settings.place.socket}"
        self._endpoint: Endpoint = endpoint_of(url or "")
        self.context = Context(retry, timeout, self._endpoint.place)
        self._compression = grpc.Compression.Gzip if compress else None
        self._idle = idle
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None = None
        self._local: LocalService | None = None
        self._alarm = Alarm()
        self._pid = os.getpid()
        self._is_closed = False

    def __call__(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Runs an operation to its end. `timeout` bounds it in all, in seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        step: Callable[[Any], Any] = flow.send
        value: Any = None
        _forks.opened(flow)
        try:
            while True:
                try:
                    effect = step(value)
                except StopIteration as end:
                    result: T = end.value
                    return result
                try:
                    value, step = self._perform(effect, until), flow.send
                except BaseException as error:
                    value, step = error, flow.throw
        finally:
            flow.close()
            _forks.closed(flow)

    def open(self) -> None:
        """Connects, if that has not been done."""
        self._channel_of()

    def close(self) -> None:
        """Closes the connection. Calls that are under way fail."""
        with self._lock:
            channel, local = self._channel, self._local
            self._channel = self._local = None
            self._is_closed = True
        self._alarm.close()
        if channel is not None and self._pid == os.getpid():
            channel.close()
        if local is not None:
            local.release()

    def _channel_of(self) -> grpc.Channel:
        with self._lock:
            if self._is_closed:
                raise CallCancelled("the store is closed; connect() again")
            _forks.require_usable()
            if self._pid != os.getpid():
                # What a fork has copied belongs to the parent process.
                self._channel, self._alarm, self._pid = None, Alarm(), os.getpid()
            if self._channel is None:
                if self._settings.place is not None and self._local is None:
                    from .._local import local_service

                    local = local_service(self._settings.place)
                    local.acquire()
                    self._local = local
                self._channel = self._connected()
            return self._channel

    def _connected(self) -> grpc.Channel:
        options = channel_options(self._endpoint)
        if not self._endpoint.is_secure:
            return grpc.insecure_channel(self._endpoint.target, options, compression=self._compression)
        ca, key, cert = tls_files(self._settings.tls)
        credentials = grpc.ssl_channel_credentials(ca, key, cert)
        return grpc.secure_channel(self._endpoint.target, credentials, options, self._compression)

    def _perform(self, effect: object, until: float | None) -> Any:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0 and not isinstance(effect, (effects.Work, effects.Piece)):
            raise DeadlineExceeded("the call did not end in time")
        try:
            return self._performed(effect, left)
        except grpc.RpcError as error:
            raise self._error_of(error) from error

    def _performed(self, effect: object, left: float | None) -> Any:
        if isinstance(effect, effects.Unary):
            timeout = self.context.timeout if left is None else min(self.context.timeout, left)
            call = self._made("unary_unary", effect.method)
            return call(effect.request, timeout=timeout, metadata=headers(self._settings))
        if isinstance(effect, effects.Begin):
            call = self._made("unary_stream", effect.method)
            return _Stream(call(effect.request, timeout=left, metadata=headers(self._settings)), self._alarm)
        if isinstance(effect, effects.Next):
            return effect.stream.next(effect.within, effect.late)  # type: ignore[attr-defined]
        if isinstance(effect, effects.BeginUpload):
            call = self._made("stream_unary", effect.method)
            return _Upload(call, effect.idle, self._idle, left, headers(self._settings))
        if isinstance(effect, effects.Write):
            return effect.upload.write(effect.message)  # type: ignore[attr-defined]
        if isinstance(effect, effects.Finish):
            return effect.upload.finish()  # type: ignore[attr-defined]
        if isinstance(effect, effects.Work):
            return effect.run()
        if isinstance(effect, effects.Piece):
            return next(effect.items, effects.END)
        if isinstance(effect, effects.Pause):
            return _paused(effect.seconds, left)
        if isinstance(effect, effects.Revive):
            return self._revive(effect.error)
        raise TypeError(f"unknown effect: {effect!r}")

    def _made(self, kind: str, method: Method[Any, Any]) -> Any:
        return getattr(self._channel_of(), kind)(
            method.path,
            request_serializer=method.request_type.SerializeToString,
            response_deserializer=method.response_type.FromString,
        )

    def _revive(self, error: ArtifactaError) -> None:
        if self._local is not None and error.code == "UNAVAILABLE":
            self._local.ensure()

    def _error_of(self, error: Any) -> ArtifactaError:
        code: grpc.StatusCode = error.code()
        if self._is_closed and code is grpc.StatusCode.CANCELLED:
            return CallCancelled("the store was closed")
        return error_from(code.value[0], error.details() or "", error.trailing_metadata() or (), self.context.place)

    def kind_of(self, content: object, name: str | None) -> Flow[Kind]:
        """Returns what to push."""
        return effects.work(lambda: kind_of(content, name, is_async=False))

    def file(self, artifact: Artifact) -> ArtifactFile:
        """Returns the artifact as a file."""
        return ArtifactFile(self, RangeReader(self.context, artifact))


def _paused(seconds: float, left: float | None) -> bool:
    if left is not None and left <= seconds:
        return False
    time.sleep(seconds)
    return True


class _Stream:
    """A call whose answer is a stream."""

    def __init__(self, call: Any, alarm: Alarm) -> None:
        self._call, self._alarm = call, alarm
        self._is_late = False
        self._deadline = Deadline(self._end)
        _forks.opened(self)

    def next(self, within: float | None, late: type[ArtifactaError]) -> Any:
        self._alarm.set(self._deadline, None if within is None else time.monotonic() + within)
        try:
            message = next(self._call, None)
            if message is None:
                _forks.closed(self)
            return message
        except grpc.RpcError as error:
            if self._is_late:
                raise late("the service did not answer in time") from error
            raise
        except BaseException:
            self.cancel()
            raise
        finally:
            self._deadline.at = None

    def cancel(self) -> None:
        self._deadline.at = None
        self._call.cancel()
        _forks.closed(self)

    def _end(self) -> None:
        self._is_late = True
        self._call.cancel()


class _Upload:
    """A call whose request is a stream: this thread writes what a thread of gRPC sends."""

    def __init__(
        self, call: Any, idle: Any, idle_seconds: float, timeout: float | None, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self._lock = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._is_whole = False
        self._is_over = False
        self._idle, self._idle_seconds = idle, idle_seconds
        self._call = call.future(self._sent(), timeout=timeout, metadata=metadata)
        self._call.add_done_callback(lambda _call: self._end())

    def write(self, message: Any) -> None:
        with self._lock:
            while len(self._waiting) >= _AHEAD and not self._is_over:
                self._lock.wait(1.0)
            if not self._is_over:
                self._waiting.append(message)
                self._lock.notify_all()
                return
        # It has ended before its content: it was refused, or the connection is lost.
        self._call.result()
        raise Unavailable("the service ended the upload before its end")

    def finish(self) -> Any:
        with self._lock:
            self._is_whole = True
            self._lock.notify_all()
        return self._call.result()

    def cancel(self) -> None:
        self._call.cancel()
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            self._lock.notify_all()

    def _sent(self) -> Iterator[Any]:
        while True:
            with self._lock:
                if not self._waiting and not self._is_whole and not self._is_over:
                    self._lock.wait(self._idle_seconds)
                if self._is_over or (self._is_whole and not self._waiting):
                    return
                message = self._waiting.popleft() if self._waiting else self._idle
                self._lock.notify_all()
            yield message


class Items(Generic[T]):
    """An iterator over a list of the service. Leaving it early is free; `close` ends a stream at once."""

    def __init__(self, driver: Driver, flows: Flows[T]) -> None:
        self._driver, self._flows = driver, flows

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item = self._driver(self._flows.next())
        if item is None:
            raise StopIteration
        return item

    def close(self) -> None:
        self._flows.close()

    def __enter__(self) -> Items[T]:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._flows.close()
