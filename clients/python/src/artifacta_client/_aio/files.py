"""An artifact as a file that is open for reading."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .._core.downloads import RangeReader
from .._core.records import Artifact

if TYPE_CHECKING:
    from .driver import Driver


class ArtifactFile:
    """The bytes of an artifact, from anywhere in it, as a file whose methods are awaited."""

    def __init__(self, driver: Driver, reader: RangeReader) -> None:
        self._driver, self._reader = driver, reader
        self._at = 0
        self.closed = False

    @property
    def artifact(self) -> Artifact:
        return self._reader.artifact

    def opened(self) -> ArtifactFile:
        """Returns the file, which needs no buffer: each reading says how much it is."""
        return self

    async def read(self, size: int = -1) -> bytes:
        """Returns `size` bytes, or fewer at the end; without a size, the rest."""
        if self.closed:
            raise ValueError("the file is closed")
        left = max(self.artifact.size_bytes - self._at, 0)
        wanted = left if size < 0 else min(size, left)
        pieces: list[bytes] = []
        while wanted > 0 and (piece := await self._driver(self._reader.read(self._at, wanted))):
            pieces.append(piece)
            self._at += len(piece)
            wanted -= len(piece)
        if size < 0 or not left:
            # The end is where the digest of a whole artifact is compared.
            await self._driver(self._reader.read(self._at, 1))
        return b"".join(pieces)

    async def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.artifact.size_bytes}[whence]
        if at < 0:
            raise ValueError(f"cannot seek before the beginning: {at}")
        self._at = at
        return at

    def tell(self) -> int:
        return self._at

    async def close(self) -> None:
        self.closed = True
        self._reader.close()

    async def __aenter__(self) -> ArtifactFile:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


OpenFile = ArtifactFile
"""What `open` returns."""
