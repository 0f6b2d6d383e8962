"""Runs operations by gRPC with asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, TypeVar

from grpc import aio

from .. import _forks
from .._content.kinds import Kind, kind_of
from .._core import effects
from .._core.downloads import RangeReader
from .._core.effects import Flow, Flows
from .._core.errors import ArtifactaError, CallCancelled, Unavailable
from .._core.records import Artifact
from .._driving import Connection, stub
from .files import ArtifactFile

T = TypeVar("T")

_STATUS_OF_GRPC = "Internal error from Core"
_STATUS_LOOKS_MAX = 200
_STATUS_LOOK_SECONDS = 0.01


class Driver(Connection):
    """One connection to a service, made at the first call, and what runs operations over it."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._lock = asyncio.Lock()
        self._channel: aio.Channel | None

    async def __call__(self, flow: Flow[T], timeout: float | None = None) -> T:
        """Runs an operation to its end. `timeout` bounds it in all, in seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        step: Callable[[Any], Any] = flow.send
        value: Any = None
        asked: Any = None
        try:
            while True:
                try:
                    effect = step(value)
                except StopIteration as end:
                    result: T = end.value
                    return result
                if isinstance(effect, effects.Piece):
                    asked = effect.items
                try:
                    value, step = await self._perform(effect, until), flow.send
                except BaseException as error:
                    value, step = error, flow.throw
        finally:
            flow.close()
            # An asynchronous generator that was not read to its end has things open, too.
            if hasattr(asked, "aclose"):
                await asked.aclose()

    async def open(self) -> None:
        """Connects, if that has not been done."""
        await self._channel_of()

    async def close(self) -> None:
        """Closes the connection. Calls that are under way fail."""
        async with self._lock:
            channels, local = self._channels(), self._local
            self._channel = self._local = None
            self._is_closed = True
        if self._pid == os.getpid():
            for channel in channels:
                await channel.close()
        if local is not None:
            local.release()

    async def _channel_of(self) -> aio.Channel:
        if self._channel is not None and self._pid == os.getpid():
            return self._channel
        async with self._lock:
            self._require_usable()
            if self._is_copied():
                self._channel = None
            if self._channel is None:
                _forks.asyncio_used()
                if (local := self._place_to_acquire()) is not None:
                    await asyncio.to_thread(local.acquire)
                    self._local = local
                self._channel = self._new_channel(aio)
            channel: aio.Channel = self._channel
            return channel

    async def _perform(self, effect: object, until: float | None) -> Any:
        left = self._left(effect, until)
        channel = self._channel
        try:
            return await self._performed(effect, left)
        except aio.AioRpcError as error:
            found = self._error_of(error)
            self._leave(channel, found)
            raise found from error
        except aio.UsageError as error:
            raise CallCancelled("the store was closed") from error

    async def _performed(self, effect: object, left: float | None) -> Any:
        if isinstance(effect, effects.Unary):
            call = stub(await self._channel_of(), "unary_unary", effect.method)
            return await call(effect.request, **self._sent_once(left))
        if isinstance(effect, effects.Begin):
            call = stub(await self._channel_of(), "unary_stream", effect.method)
            return _Stream(call(effect.request, **self._sent(left)))
        if isinstance(effect, effects.Next):
            return await effect.stream.next(effect.within, effect.late)  # type: ignore[attr-defined]
        if isinstance(effect, effects.BeginUpload):
            call = stub(await self._channel_of(), "stream_unary", effect.method)
            return _Upload(call(**self._sent(left)), effect.idle, self._idle)
        if isinstance(effect, effects.Write):
            return await effect.upload.write(effect.message)  # type: ignore[attr-defined]
        if isinstance(effect, effects.Finish):
            return await effect.upload.finish()  # type: ignore[attr-defined]
        if isinstance(effect, effects.Work):
            return await _worked(effect)
        if isinstance(effect, effects.Piece):
            return await _asked(effect.items)
        if isinstance(effect, effects.Pause):
            return await _paused(effect.seconds, left)
        if isinstance(effect, effects.Revive):
            return await self._revive(effect.error)
        raise TypeError(f"unknown effect: {effect!r}")

    async def _revive(self, error: ArtifactaError) -> None:
        if self._local is not None and error.code == "UNAVAILABLE":
            await asyncio.to_thread(self._local.ensure)

    def kind_of(self, content: object, name: str | None) -> Flow[Kind]:
        """Returns what to push."""
        return effects.work(lambda: kind_of(content, name, is_async=True))

    def file(self, artifact: Artifact) -> ArtifactFile:
        """Returns the artifact as a file."""
        return ArtifactFile(self, RangeReader(self.context, artifact))


async def _worked(effect: effects.Work[Any]) -> Any:
    if not effect.ends_soon:
        return await asyncio.to_thread(effect.run)
    running = asyncio.ensure_future(asyncio.to_thread(effect.run))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait((running,))
        if not running.cancelled():
            running.exception()
        raise


async def _asked(items: Any) -> Any:
    if hasattr(items, "__anext__"):
        return await anext(items, effects.END)
    return await asyncio.to_thread(next, items, effects.END)


async def _paused(seconds: float, left: float | None) -> bool:
    if left is not None and left <= seconds:
        return False
    await asyncio.sleep(seconds)
    return True


class _Stream:
    """A call whose answer is a stream."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self, within: float | None, late: type[ArtifactaError]) -> Any:
        try:
            message = await asyncio.wait_for(self._call.read(), within)
        except (TimeoutError, asyncio.TimeoutError) as error:
            self.cancel()
            raise late("the service did not answer in time") from error
        except BaseException:
            self.cancel()
            raise
        return None if message is aio.EOF else message

    def cancel(self) -> None:
        self._call.cancel()


class _Upload:
    """A call whose request is a stream."""

    def __init__(self, call: Any, idle: Any, idle_seconds: float) -> None:
        self._call = call
        self._idle, self._idle_seconds = idle, idle_seconds
        self._lock = asyncio.Lock()
        self._last = time.monotonic()
        self._alive = asyncio.ensure_future(self._show_life())
        call.add_done_callback(lambda _call: self._alive.cancel())

    async def write(self, message: Any) -> None:
        async with self._lock:
            try:
                await self._call.write(message)
            except asyncio.InvalidStateError:
                # It has ended before its content: it was refused, or the connection is lost.
                await self._ended()
                raise Unavailable("the service stopped the upload before all bytes were sent; try again") from None
            except aio.AioRpcError as error:
                raise await self._real(error) from error
            self._last = time.monotonic()

    async def finish(self) -> Any:
        self._alive.cancel()
        async with self._lock:
            if not self._call.done():
                await self._call.done_writing()
        return await self._ended()

    def cancel(self) -> None:
        self._alive.cancel()
        self._call.cancel()

    async def _ended(self) -> Any:
        try:
            return await self._call
        except aio.AioRpcError as error:
            raise await self._real(error) from error

    async def _real(self, error: aio.AioRpcError) -> aio.AioRpcError:
        """Returns the error with the status of the service.

        A message that cannot be sent any more has a status of gRPC's own at first, which that of the service replaces
        as soon as it has been read.
        """
        for _ in range(_STATUS_LOOKS_MAX):
            if error.details() != _STATUS_OF_GRPC:
                break
            await asyncio.sleep(_STATUS_LOOK_SECONDS)
            code, details = await self._call.code(), await self._call.details()
            error = aio.AioRpcError(code, aio.Metadata(), await self._call.trailing_metadata(), details)
        return error

    async def _show_life(self) -> None:
        while True:
            silent = time.monotonic() - self._last
            if silent < self._idle_seconds:
                await asyncio.sleep(self._idle_seconds - silent)
                continue
            try:
                await self.write(self._idle)
            except (ArtifactaError, aio.AioRpcError):
                return


class Items(Generic[T]):
    """An iterator over a list of the service. Leaving it early is free; `aclose` ends a stream at once."""

    def __init__(self, driver: Driver, flows: Flows[T]) -> None:
        self._driver, self._flows = driver, flows

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        item = await self._driver(self._flows.next())
        if item is None:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        self._flows.close()

    async def __aenter__(self) -> Items[T]:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._flows.close()

    def __del__(self) -> None:
        self._flows.close()
