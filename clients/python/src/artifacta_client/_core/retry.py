"""Which calls are repeated, and when."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .effects import Flow, Method, Pause, Request, Response, Revive, T, Unary
from .errors import ArtifactaError
from .versions import explained


def _random() -> float:
    return int.from_bytes(os.urandom(4), "big") / 2**32


@dataclass(frozen=True)
class RetryPolicy:
    """How calls are repeated. Times are in seconds."""

    attempts: int = 6
    """The number of tries in all, including the first."""
    first_delay: float = 0.1
    """The wait before the second try; it doubles from try to try."""
    max_delay: float = 10.0
    """The longest wait, even if the service asks for a longer one."""
    random: Callable[[], float] = field(default=_random, repr=False, compare=False)
    """Returns a number from 0 to 1, which spreads the waits of clients that failed together."""

    def delay(self, attempt: int, error: ArtifactaError) -> float:
        """Returns the wait after a try; `attempt` counts from 1."""
        spread = self.first_delay * 2.0 ** min(attempt - 1, 20) * (0.5 + self.random())
        return min(max(spread, error.retry_after or 0.0), self.max_delay)


@dataclass(frozen=True)
class Context:
    """What every operation needs to know of its client."""

    retry: RetryPolicy
    timeout: float
    """The deadline of one try of a unary call, and of the first message of a stream, in seconds."""
    place: str
    """Where the service is, for messages."""


def retrying(policy: RetryPolicy, attempt: Callable[[int], Flow[T]]) -> Flow[T]:
    """Makes tries until one succeeds, fails for good, or they are used up. `attempt` gets its number, from 1."""
    number = 1
    while True:
        try:
            return (yield from attempt(number))
        except ArtifactaError as error:
            if number >= policy.attempts or not error.retryable:
                raise
            if not (yield Pause(policy.delay(number, error))):
                raise
            yield Revive(error)
        number += 1


def unary(
    context: Context, method: Method[Request, Response], request: Request, *, once: bool = False
) -> Flow[Response]:
    """Makes a unary call, and repeats it where that helps. `once`: it is not safe to repeat."""

    def attempt(_number: int) -> Flow[Response]:
        response: Response = yield Unary(method, request)
        return response

    policy = replace(context.retry, attempts=1) if once else context.retry
    try:
        return (yield from retrying(policy, attempt))
    except ArtifactaError as error:
        raise (yield from explained(error, method.path, context.place)) from error.__cause__


def resumed(policy: RetryPolicy, failures: int, error: ArtifactaError) -> Flow[None]:
    """Waits before the next try of a stream that broke. Raises its error if no further try is due."""
    if failures >= policy.attempts or not error.retryable:
        raise error
    if not (yield Pause(policy.delay(failures, error))):
        raise error
    yield Revive(error)
