"""Artifacts as files of fsspec: one that is read by ranges, and one that is pushed when it is closed."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO, cast

from fsspec.spec import AbstractBufferedFile

from .._core.records import Artifact
from .paths import file_entry

_log = logging.getLogger("artifacta_client")

Push = Callable[[BinaryIO], Artifact]


class ArtifactReader(AbstractBufferedFile):  # type: ignore[misc]
    """The bytes of one version of an artifact, from anywhere in it. What is read ahead is fsspec's cache."""

    def __init__(self, fs: Any, artifact: Artifact, block_size: int | str | None, **caching: Any) -> None:
        super().__init__(
            fs, f"{artifact.session}/{artifact.name}", "rb", block_size, size=artifact.size_bytes, **caching
        )
        self.artifact = artifact
        self.details = file_entry(artifact)

    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.range_of(self.artifact, start, end)
        return found


class ArtifactWriter(io.BufferedIOBase):
    """A temporary file, which is pushed when it is closed.

    Nothing is stored if it is closed because of an exception, or never. It can seek, and be read, as some formats need.
    """

    def __init__(self, path: str, mode: str, push: Push, *, autocommit: bool) -> None:
        # Before anything can fail: __del__ is called even then.
        self._file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115
        self.path, self.name, self.mode = path, path, mode
        self.artifact: Artifact | None = None
        """What was stored; None until then."""
        self._push, self._autocommit = push, autocommit
        # A program that writes a file while it handles an error does not fail by that error.
        self._handled = sys.exc_info()[1]

    def __repr__(self) -> str:
        return f"<ArtifactWriter {self.path}>"

    def __enter__(self) -> ArtifactWriter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            text = f"{self.path} was not stored: it was never closed"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)
            self.discard()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        return self._file.truncate(size)

    def close(self) -> None:
        if self.closed:
            return
        failure = sys.exc_info()[1]
        is_failing = failure is not None and failure is not self._handled
        super().close()
        if is_failing and not self._file.closed:
            # fsspec.open, io.TextIOWrapper and pandas close what they have open after an error as after a success.
            name = type(failure).__name__
            _log.warning("%s was not stored, because the exception %s was raised while it was open", self.path, name)
            self.discard()
        elif self._autocommit:
            self.commit()

    def commit(self) -> None:
        """Stores it. In a transaction of fsspec that is its end; else `close` does it."""
        if self._file.closed:
            return
        try:
            self._file.seek(0)
            self.artifact = self._push(self._file)
        finally:
            self.discard()

    def discard(self) -> None:
        """Stores nothing."""
        self._file.close()
        super().close()


class CompressedWriter(io.BufferedIOBase):
    """Compresses what is written to an `ArtifactWriter`, and closes it with itself, which no compressor does."""

    def __init__(self, compressor: Any, writer: ArtifactWriter) -> None:
        self._compressor, self.writer = compressor, writer

    def __del__(self) -> None:
        self.discard()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return int(self._compressor.write(data))

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        try:
            self._compressor.close()
        except BaseException:
            self.discard()
            raise
        self.writer.close()

    def discard(self) -> None:
        """Stores nothing, unless it is stored."""
        super().close()
        self.writer.discard()


class TextWriter(io.TextIOWrapper):
    """Text for one of the two. It is not stored if it was never closed."""

    def __del__(self) -> None:
        if not self.closed and isinstance(self.buffer, (ArtifactWriter, CompressedWriter)):
            self.buffer.discard()
