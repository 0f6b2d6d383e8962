"""A driver in memory, which answers effects from a script: for operations without a network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from artifacta_client._core import effects
from artifacta_client._core.effects import Flow
from artifacta_client._core.errors import ArtifactaError
from artifacta_client._core.retry import Context, RetryPolicy

T = TypeVar("T")

CONTEXT = Context(RetryPolicy(random=lambda: 0.5), 30.0, "grpc://here:1")


class Stream:
    """The messages of one call; an error among them breaks it."""

    def __init__(self, messages: Iterable[Any]) -> None:
        self.messages = deque(messages)
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Upload:
    """The messages that were written. `refusal`: the number of them before the error."""

    def __init__(self, answer: Any, refusal_after: int | None = None) -> None:
        self.written: list[Any] = []
        self.answer, self.refusal_after = answer, refusal_after
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Scripted:
    """Answers unary calls, streams and uploads in their order, and notes requests and pauses."""

    def __init__(self, *answers: Any, patience: float | None = None) -> None:
        self.answers = deque(answers)
        self.requests: list[Any] = []
        self.pauses: list[float] = []
        self.revived: list[ArtifactaError] = []
        self.patience = patience

    def __call__(self, flow: Flow[T]) -> T:
        step: Callable[[Any], Any] = flow.send
        value: Any = None
        while True:
            try:
                effect = step(value)
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                value, step = self._perform(effect), flow.send
            except BaseException as error:
                value, step = error, flow.throw

    def _perform(self, effect: Any) -> Any:
        if isinstance(effect, (effects.Unary, effects.Begin)):
            request = type(effect.request)()
            request.CopyFrom(effect.request)
            self.requests.append(request)
            return answered(self.answers.popleft())
        if isinstance(effect, effects.BeginUpload):
            return answered(self.answers.popleft())
        if isinstance(effect, effects.Next):
            stream: Any = effect.stream
            return answered(stream.messages.popleft()) if stream.messages else None
        if isinstance(effect, effects.Write):
            upload: Any = effect.upload
            if upload.refusal_after is not None and len(upload.written) >= upload.refusal_after:
                raise upload.answer
            upload.written.append(effect.message)
            return None
        if isinstance(effect, effects.Finish):
            upload = effect.upload
            return answered(upload.answer)
        if isinstance(effect, effects.Pause):
            self.pauses.append(effect.seconds)
            return self.patience is None or sum(self.pauses) < self.patience
        if isinstance(effect, effects.Revive):
            self.revived.append(effect.error)
            return None
        if isinstance(effect, effects.Work):
            return effect.run()
        if isinstance(effect, effects.Piece):
            return next(effect.items, effects.END)
        raise AssertionError(effect)


def answered(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer
