"""Runs operations by blocking calls of gRPC."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import grpc

from .. import _exits, _forks
from .._content.kinds import Kind, kind_of
from .._core import effects
from .._core.downloads import RangeReader
from .._core.effects import Flow, Flows
from .._core.errors import ArtifactaError, Unavailable
from .._core.records import Artifact
from .._driving import Connection, stub
from .alarm import Alarm, Deadline
from .files import ArtifactFile

T = TypeVar("T")

_AHEAD = 2
"""The number of messages of an upload that wait to be sent."""


_OUTSIDE = (effects.Work, effects.Piece, effects.Pause, effects.Revive)
"""The effects that call nothing of gRPC."""


class Driver(Connection):
    """One connection to a service, made at the first call, and what runs operations over it."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._lock = threading.Lock()
        self._channel: grpc.Channel | None
        self._alarm = Alarm()
        _exits.register(self)

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
            channels, local = self._channels(), self._local
            self._channel = self._local = None
            self._is_closed = True
        self._alarm.close()
        if self._pid == os.getpid():
            for channel in channels:
                channel.close()
        if local is not None:
            local.release()

    def end_calls(self) -> None:
        """Ends the calls that are under way, since the program ends."""
        if self._pid == os.getpid():
            for channel in self._channels():
                channel.close()

    def _channel_of(self) -> grpc.Channel:
        with self._lock:
            self._require_usable()
            if self._is_copied():
                self._channel, self._alarm = None, Alarm()
            if self._channel is None:
                if (local := self._place_to_acquire()) is not None:
                    local.acquire()
                    self._local = local
                self._channel = self._new_channel(grpc)
            channel: grpc.Channel = self._channel
            return channel

    def _perform(self, effect: object, until: float | None) -> Any:
        left = self._left(effect, until)
        if isinstance(effect, _OUTSIDE):
            return self._performed(effect, left)
        channel = self._channel
        try:
            with _exits.inside():
                return self._performed(effect, left)
        except grpc.RpcError as error:
            found = self._error_of(error)
            with self._lock:
                self._leave(channel, found)
            raise found from error

    def _performed(self, effect: object, left: float | None) -> Any:
        if isinstance(effect, effects.Unary):
            call = stub(self._channel_of(), "unary_unary", effect.method)
            return call(effect.request, **self._sent_once(left))
        if isinstance(effect, effects.Begin):
            call = stub(self._channel_of(), "unary_stream", effect.method)
            return _Stream(call(effect.request, **self._sent(left)), self._alarm)
        if isinstance(effect, effects.Next):
            return effect.stream.next(effect.within, effect.late)  # type: ignore[attr-defined]
        if isinstance(effect, effects.BeginUpload):
            call = stub(self._channel_of(), "stream_unary", effect.method)
            return _Upload(call, effect.idle, self._idle, self._sent(left))
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

    def _revive(self, error: ArtifactaError) -> None:
        if self._local is not None and error.code == "UNAVAILABLE":
            self._local.ensure()

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

    def __init__(self, call: Any, idle: Any, idle_seconds: float, sent: dict[str, Any]) -> None:
        self._lock = threading.Condition()
        self._waiting: deque[Any] = deque()
        self._is_whole = False
        self._is_over = False
        self._idle, self._idle_seconds = idle, idle_seconds
        self._call = call.future(self._messages(), **sent)
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
        raise Unavailable("the service stopped the upload before all bytes were sent; try again")

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

    def _messages(self) -> Iterator[Any]:
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
