"""An artifact as a file that is open for reading."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from .._core.downloads import RangeReader
from .._core.records import Artifact

if TYPE_CHECKING:
    from .driver import Driver

OpenFile = io.BufferedReader
"""What `open` returns."""

_BUFFER_BYTES = 256 * 1024


class ArtifactFile(io.RawIOBase):
    """The bytes of an artifact, from anywhere in it. `opened` puts a buffer before it."""

    def __init__(self, driver: Driver, reader: RangeReader) -> None:
        self._driver, self._reader = driver, reader
        self._at = 0

    @property
    def artifact(self) -> Artifact:
        return self._reader.artifact

    @property
    def name(self) -> str:
        """The name of the artifact, which libraries take for that of a file."""
        return self.artifact.name

    def opened(self) -> io.BufferedReader:
        """Returns the file with a buffer, so that small readings do not become calls."""
        return io.BufferedReader(self, _BUFFER_BYTES)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._require_open()
        data = self._driver(self._reader.read(self._at, len(buffer)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        pieces: list[bytes] = []
        while piece := self.read(1024 * 1024):
            pieces.append(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._require_open()
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.artifact.size_bytes}[whence]
        if at < 0:
            raise ValueError(f"cannot seek before the beginning: {at}")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()

    def _require_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")
