"""Files: as the source of a push, and as the target of a pull."""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO

from .._core.contents import CHUNK_BYTES_MAX, Hasher, Pieces
from .._core.downloads import Download
from .._core.effects import Flow, work
from .._core.errors import ContentChanged, Violation, invalid
from .._core.messages import ArtifactRef
from .._core.pushing import OnProgress
from .._core.records import Artifact, Progress
from .._core.retry import Context


class Path:
    """A regular file as it is now.

    Every later reading must find the same file with the same size and time, before and after: else it raises
    ContentChanged, and nothing is stored.
    """

    replayable = True

    def __init__(self, path: str) -> None:
        self._path = path
        with _open_regular(path) as file:
            self._before = os.fstat(file.fileno())
        self.size = self._before.st_size

    def open(self) -> Pieces:
        return _FilePieces(self._path, self._before)


class _FilePieces:
    def __init__(self, path: str, before: os.stat_result) -> None:
        self._path, self._before = path, before
        self._file: io.FileIO | None = None
        self._read = 0

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        return (yield from work(lambda: _noted(self._next(), hasher)))

    def _next(self) -> bytes | None:
        if self._file is None:
            self._file = _open_regular(self._path)
            self._require_same(os.fstat(self._file.fileno()))
        # One byte beyond the expected end shows growth without an endless reading.
        piece = self._file.read(min(CHUNK_BYTES_MAX, self._before.st_size + 1 - self._read))
        self._read += len(piece)
        if self._read > self._before.st_size:
            raise self._changed(f"it had {self._before.st_size} bytes and has more now")
        if piece:
            return piece
        if self._read < self._before.st_size:
            raise self._changed(f"it had {self._before.st_size} bytes and has {self._read} now")
        self._require_same(os.fstat(self._file.fileno()))
        return None

    def _require_same(self, now: os.stat_result) -> None:
        before = self._before
        if (before.st_ino, before.st_dev) != (now.st_ino, now.st_dev):
            raise self._changed("another file took its place")
        if before.st_size != now.st_size:
            raise self._changed(f"it had {before.st_size} bytes and has {now.st_size} now")
        if before.st_mtime_ns != now.st_mtime_ns:
            raise self._changed("it was written to")

    def _changed(self, how: str) -> ContentChanged:
        violation = Violation("content", f"must not change while it is pushed: {how}")
        return ContentChanged(f"{self._path} changed while it was pushed: {how}", violations=(violation,))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _noted(piece: bytes | None, hasher: Hasher | None) -> bytes | None:
    # In the thread that has read it, with asyncio.
    if piece is not None and hasher is not None:
        hasher.update(piece)
    return piece


def _open_regular(path: str) -> io.FileIO:
    # Without O_NONBLOCK, a pipe without a writer would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return io.FileIO(descriptor)
    os.close(descriptor)
    kind = "a directory" if stat.S_ISDIR(mode) else "a pipe" if stat.S_ISFIFO(mode) else "not a regular file"
    raise invalid("content", f"must be a regular file: {path} is {kind}")


class Opened:
    """A binary file that the caller has open, from its position on. One that can seek can be read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.replayable = _can_seek(file)
        self._start = file.tell() if self.replayable else 0
        self.size: int | None = None
        if self.replayable:
            self.size = max(file.seek(0, io.SEEK_END) - self._start, 0)
            file.seek(self._start)

    def open(self) -> Pieces:
        return _OpenedPieces(self._file, self._start if self.replayable else None)


class _OpenedPieces:
    def __init__(self, file: BinaryIO, start: int | None) -> None:
        self._file, self._start = file, start
        self._is_begun = False

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        return (yield from work(lambda: _noted(self._next(), hasher), ends_soon=False))

    def _next(self) -> bytes | None:
        if not self._is_begun and self._start is not None:
            self._file.seek(self._start)
        self._is_begun = True
        piece: object = self._file.read(CHUNK_BYTES_MAX)
        if isinstance(piece, str):
            raise invalid("content", "must be a binary file; open it with mode 'rb'")
        if piece is not None and not isinstance(piece, (bytes, bytearray, memoryview)):
            raise invalid("content", f"must give bytes; its read() gave {type(piece).__name__}")
        return bytes(piece) if piece else None

    def close(self) -> None:
        # The file is the caller's.
        pass


def _can_seek(file: BinaryIO) -> bool:
    seekable = getattr(file, "seekable", None)
    return bool(seekable is not None and seekable())


def pull(
    context: Context,
    ref: ArtifactRef,
    session: str | None,
    to: str | os.PathLike[str] | None,
    on_progress: OnProgress | None,
) -> Flow[str]:
    """Writes an artifact to a file, and returns its path.

    The file gets its name only when all bytes have arrived and have their digest. An existing file is replaced.
    """
    download = Download(context, ref, session)
    partial: _Partial | None = None
    try:
        artifact = yield from download.open()
        target = _target(artifact, to)
        partial = yield from work(lambda: _Partial(target))
        received = 0
        while (chunk := (yield from download.next())) is not None:
            yield from partial.write(chunk)
            received += len(chunk)
            if on_progress is not None:
                on_progress(Progress("receiving", received, artifact.size_bytes))
        yield from work(partial.keep)
        return target
    finally:
        download.close()
        if partial is not None:
            partial.discard()


def _target(artifact: Artifact, to: str | os.PathLike[str] | None) -> str:
    name = artifact.name.rpartition("/")[2]
    if to is None:
        return name
    path = os.fspath(to)
    return os.path.join(path, name) if path.endswith(os.sep) or os.path.isdir(path) else path


class _Partial:
    """A file next to the target: it takes the target's place at the end, or is removed."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._path = f"{target}.{os.urandom(6).hex()}.part"
        self._file: io.FileIO | None = io.FileIO(
            os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb"
        )

    def write(self, chunk: bytes) -> Flow[None]:
        yield from work(lambda: self._write(chunk))

    def _write(self, chunk: bytes) -> None:
        assert self._file is not None
        rest = memoryview(chunk)
        while rest:
            rest = rest[self._file.write(rest) :]

    def keep(self) -> None:
        assert self._file is not None
        self._file.close()
        os.replace(self._path, self._target)
        self._file = None

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            os.unlink(self._path)
