"""Bytes to push: where they come from, and the pieces in which they are sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from .effects import END, Flow, work
from .effects import Piece as AskForPiece
from .errors import invalid

PIECE_BYTES_MIN = 256 * 1024
"""Pieces at least this long are sent as they are; shorter ones are gathered."""
CHUNK_BYTES_MAX = 1024 * 1024
"""The longest message that carries bytes."""
_HASH_ASIDE_BYTES_MIN = 128 * 1024
_KEPT_BYTES_MAX = 4 * 1024 * 1024


class Hasher(Protocol):
    """What `hashlib` makes."""

    def update(self, data: bytes, /) -> None: ...


def hashed(piece: bytes | None, hasher: Hasher | None) -> Flow[bytes | None]:
    """Updates the hash with the piece, with asyncio in a thread if that takes its time. Returns the piece."""
    if hasher is not None and piece is not None:
        if len(piece) >= _HASH_ASIDE_BYTES_MIN:
            yield from work(lambda: hasher.update(piece))
        else:
            hasher.update(piece)
    return piece


class Pieces(Protocol):
    """One reading of a source. `next` is a flow: None is the end. It updates the hash with what it returns."""

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]: ...

    def close(self) -> None: ...


class Source(Protocol):
    """Bytes to push."""

    @property
    def size(self) -> int | None:
        """The number of bytes, if known before they are read."""

    @property
    def replayable(self) -> bool:
        """True: `open` may be called again and gives the same bytes, so that a push can be repeated."""

    def open(self) -> Pieces: ...


class Whole:
    """Bytes in memory."""

    replayable = True

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data).cast("B")
        self.size = len(self._data)

    def open(self) -> Pieces:
        chunks = (self._data[at : at + CHUNK_BYTES_MAX] for at in range(0, self.size, CHUNK_BYTES_MAX))
        return _Ready(bytes(chunk) for chunk in chunks)


class _Ready:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        return (yield from hashed(next(self._chunks, None), hasher))

    def close(self) -> None:
        pass


class Items:
    """An iterable of bytes, or an asynchronous one. It is read once."""

    size = None
    replayable = False

    def __init__(self, items: Any) -> None:
        self._items = items

    def open(self) -> Pieces:
        is_async = hasattr(self._items, "__aiter__")
        return _Asked(aiter(self._items) if is_async else iter(self._items))


class _Asked:
    def __init__(self, items: Any) -> None:
        self._items = items

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        item: Any = yield AskForPiece(self._items)
        if item is END:
            return None
        if not isinstance(item, (bytes, bytearray, memoryview)):
            raise invalid("content", f"must give only bytes; it gave {type(item).__name__}")
        piece = bytes(item) if isinstance(item, (bytearray, memoryview)) else item
        return (yield from hashed(piece, hasher))

    def close(self) -> None:
        # A generator ends what it has open. A driver ends an asynchronous one.
        close: Callable[[], None] | None = getattr(self._items, "close", None)
        # One that a thread is still in, since its task was cancelled, ends with the last reference to it.
        if close is not None and not getattr(self._items, "gi_running", False):
            close()


class Rewindable:
    """A source that is read once, of which the first 4 MiB are kept, so that a push can be repeated until then."""

    size = None

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._is_ended = False
        self.replayable = True

    def open(self) -> Pieces:
        return _Rewound(self)

    def close(self) -> None:
        self._pieces.close()

    def read_ahead(self, size_max: int) -> Flow[bytes | None]:
        """Returns all the bytes if they are at most `size_max`; else None."""
        while self._kept_bytes <= size_max:
            if (yield from self._more(None)) is None:
                return b"".join(self._kept)
        return None

    def _more(self, hasher: Hasher | None) -> Flow[bytes | None]:
        if self._is_ended:
            return None
        piece = yield from self._pieces.next(hasher)
        if piece is None:
            self._is_ended = True
        elif self.replayable:
            self._kept.append(piece)
            self._kept_bytes += len(piece)
        return piece

    def _forget(self) -> None:
        self._kept.clear()
        self.replayable = False

    def _at(self, index: int, hasher: Hasher | None) -> Flow[bytes | None]:
        if index < len(self._kept):
            return (yield from hashed(self._kept[index], hasher))
        if self.replayable and self._kept_bytes > _KEPT_BYTES_MAX:
            self._forget()
        return (yield from self._more(hasher))


class _Rewound:
    def __init__(self, source: Rewindable) -> None:
        self._source = source
        self._index = 0

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        piece = yield from self._source._at(self._index, hasher)
        self._index += 1
        return piece

    def close(self) -> None:
        pass


class Chunker:
    """Makes chunks of 256 KiB to 1 MiB of pieces of any size; the last may be shorter, and none is empty.

    Short pieces are not gathered to 1 MiB, so that a slow source is not taken for a dead one.
    """

    def __init__(self) -> None:
        self._gathered: list[bytes] = []
        self._bytes = 0

    def take(self, piece: bytes) -> Iterator[bytes]:
        self._gathered.append(piece)
        self._bytes += len(piece)
        return self.rest() if self._bytes >= PIECE_BYTES_MIN else iter(())

    def rest(self) -> Iterator[bytes]:
        """Yields what was gathered and not yet returned."""
        data = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
        self._gathered, self._bytes = [], 0
        if len(data) <= CHUNK_BYTES_MAX:
            return iter((data,) if data else ())
        return (data[at : at + CHUNK_BYTES_MAX] for at in range(0, len(data), CHUNK_BYTES_MAX))
