"""What both drivers know of their connection, and of the time that an operation has."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import grpc

from . import _forks
from ._core import effects
from ._core.errors import ArtifactaError, CallCancelled, DeadlineExceeded
from ._core.retry import Context, RetryPolicy
from ._core.statuses import error_from
from ._endpoint import Endpoint, channel_options, endpoint_of, headers, tls_files
from ._memory import keep_freed_blocks
from ._settings import Settings

if TYPE_CHECKING:
    from ._local import LocalService

IDLE_SECONDS = 10.0
"""How long a source may be silent before the service gets a sign of life; the service ends uploads after 30 s."""


class Connection:
    """The settings of a connection, whether it is open, and what its calls send."""

    def __init__(
        self,
        settings: Settings,
        timeout: float,
        retry: RetryPolicy,
        *,
        compress: bool = False,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._settings = settings
        url = settings.url if settings.place is None else f"unix:{settings.place.socket}"
        self._endpoint: Endpoint = endpoint_of(url or "")
        self.context = Context(retry, timeout, self._endpoint.place)
        self._compression = grpc.Compression.Gzip if compress else None
        self._idle = idle
        self._local: LocalService | None = None
        self._channel: Any = None
        self._past: WeakSet[Any] = WeakSet()
        self._pid = os.getpid()
        self._is_closed = False

    def _require_usable(self) -> None:
        if self._is_closed:
            raise CallCancelled("the store is closed; connect() again")
        _forks.require_usable()

    def _is_copied(self) -> bool:
        """Whether this process is the copy by a fork of the one that connected, to which the connection belongs."""
        is_copied = self._pid != os.getpid()
        self._pid = os.getpid()
        if is_copied:
            self._past.clear()
        return is_copied

    def _place_to_acquire(self) -> LocalService | None:
        """Returns the local service that has to be found or started. None: none has to."""
        if self._settings.place is None or self._local is not None:
            return None
        from ._local import local_service

        return local_service(self._settings.place)

    def _new_channel(self, kind: Any) -> Any:
        """Returns a new channel: `kind` is `grpc`, or `grpc.aio`."""
        keep_freed_blocks()
        target, options = self._endpoint.target, channel_options(self._endpoint)
        if not self._endpoint.is_secure:
            return kind.insecure_channel(target, options, compression=self._compression)
        ca, key, cert = tls_files(self._settings.tls)
        return kind.secure_channel(target, grpc.ssl_channel_credentials(ca, key, cert), options, self._compression)

    def _channels(self) -> list[Any]:
        """Returns the channels that may have calls under way."""
        return [*self._past] if self._channel is None else [self._channel, *self._past]

    def _leave(self, channel: Any, error: ArtifactaError) -> None:
        """Lets the next try connect again if a call got no answer of the service on this channel.

        A channel that has failed connects again only while a call waits on it, but calls fail on it at once. Calls that
        are under way go on.
        """
        if channel is None or error.code != "UNAVAILABLE" or error.reason is not None:
            return
        self._past.add(channel)
        if self._channel is channel:
            self._channel = None

    def _left(self, effect: object, until: float | None) -> float | None:
        """Returns the time that is left. Raises DeadlineExceeded, except for work that needs no service."""
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0 and not isinstance(effect, (effects.Work, effects.Piece)):
            raise DeadlineExceeded("the call did not end in time")
        return left

    def _sent(self, timeout: float | None) -> dict[str, Any]:
        """Returns the deadline and the headers of a call."""
        return {"timeout": timeout, "metadata": headers(self._settings)}

    def _sent_once(self, left: float | None) -> dict[str, Any]:
        """Returns the same for a unary call, each try of which has a deadline."""
        return self._sent(self.context.timeout if left is None else min(self.context.timeout, left))

    def _error_of(self, error: Any) -> ArtifactaError:
        code: grpc.StatusCode = error.code()
        if self._is_closed and code is grpc.StatusCode.CANCELLED:
            return CallCancelled("the store was closed")
        return error_from(code.value[0], error.details() or "", error.trailing_metadata() or (), self.context.place)


def stub(channel: Any, kind: str, method: effects.Method[Any, Any]) -> Any:
    """Returns what makes calls of a method; `kind` is `unary_unary`, `unary_stream` or `stream_unary`."""
    return getattr(channel, kind)(
        method.path,
        request_serializer=method.request_type.SerializeToString,
        response_deserializer=method.response_type.FromString,
    )
