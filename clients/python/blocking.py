"""The asyncio client as a blocking one, so that one program runs both: the scenario, and the tests.

It shows that both have the same names and arguments. Programs of users have no use for it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from functools import wraps
from typing import Any

from artifacta_client import aio


class Blocking:
    """An object of the asyncio client, whose calls are run to their end in an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, thing: Any) -> None:
        self._loop, self._thing = loop, thing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, "aclose" if name == "close" and isinstance(self._thing, aio.Items) else name)
        if not callable(found):
            return found

        @wraps(found)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._blocking(found(*map(_bare, args), **{key: _bare(value) for key, value in kwargs.items()}))

        return call

    def _blocking(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            result = self._loop.run_until_complete(result)
        if result is self._thing:
            return self
        is_ours = isinstance(result, (aio.Store, aio.Session, aio.Items, aio.ArtifactFile))
        return Blocking(self._loop, result) if is_ours else result

    def __enter__(self) -> Any:
        return self._blocking(self._thing.__aenter__())

    def __exit__(self, *error: Any) -> Any:
        return self._blocking(self._thing.__aexit__(*error))

    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            return self._blocking(self._thing.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None


def _bare(value: Any) -> Any:
    return value._thing if isinstance(value, Blocking) else value


def connect(loop: asyncio.AbstractEventLoop, *args: Any, **kwargs: Any) -> Any:
    """Returns `artifacta_client.aio.connect(…)` as a blocking store."""
    return Blocking(loop, aio.connect(*args, **kwargs))


async def awaited(items: Any) -> AsyncIterator[Any]:
    """Yields the items of an iterable, as an asynchronous one would."""
    for item in items:
        yield item
        await asyncio.sleep(0)
