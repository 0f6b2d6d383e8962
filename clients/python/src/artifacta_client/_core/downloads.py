"""Downloads: the bytes of an artifact or a range of them, and random access over ranges."""

from __future__ import annotations

import hashlib

from .._pb.artifacta.v1 import artifact_pb2, content_pb2
from . import methods
from .effects import Begin, Closing, Flow, Next
from .errors import ArtifactaError, DataLoss, DeadlineExceeded, Unavailable
from .messages import ArtifactRef, artifact_from, ref_message
from .records import Artifact
from .retry import Context, resumed, retrying
from .versions import explained

_SILENCE_SECONDS_MAX = 120.0
"""The longest wait for a chunk; after that, the connection counts as lost."""
_RANGE_BYTES_MIN = 64 * 1024


class Download:
    """A download, which continues where it broke after a lost connection.

    The end is reached only if all bytes have arrived, and for a whole artifact only if they have its digest.
    """

    def __init__(
        self,
        context: Context,
        ref: ArtifactRef,
        session: str | None = None,
        *,
        offset: int = 0,
        limit: int | None = None,
    ) -> None:
        self._context = context
        self._ref = ref_message(ref, session)
        self._offset, self._limit = offset, limit
        self._stream: Closing | None = None
        self._artifact: Artifact | None = None
        self._received = 0
        self._failures = 0
        self._expected = 0
        self._whole: hashlib._Hash | None = None

    def open(self) -> Flow[Artifact]:
        """Begins. Returns the artifact that the bytes belong to."""
        try:
            artifact = yield from retrying(self._context.retry, lambda _number: self._begin())
        except ArtifactaError as error:
            raise (yield from explained(error, methods.DOWNLOAD.path, self._context.place)) from error.__cause__
        rest = max(artifact.size_bytes - self._offset, 0)
        self._expected = rest if self._limit is None else min(rest, self._limit)
        self._whole = hashlib.sha256() if self._expected == artifact.size_bytes else None
        self._artifact = artifact
        # From now on it is this version, whatever is committed meanwhile.
        self._ref = artifact_pb2.ArtifactRef(id=artifact.id)
        return artifact

    def next(self) -> Flow[bytes | None]:
        """Returns the next bytes. None: all of them have arrived, and are those that were stored."""
        artifact = self._artifact if self._artifact is not None else (yield from self.open())
        while True:
            try:
                if self._stream is None:
                    yield from self._begin()
                chunk = yield from self._chunk()
            except ArtifactaError as error:
                self.close()
                self._failures += 1
                yield from resumed(self._context.retry, self._failures, error)
                continue
            if chunk is None:
                self.close()
                self._verify(artifact)
                return None
            self._failures = 0
            self._received += len(chunk)
            # A consumer that keeps the bytes must not be made to keep more than exist.
            if self._received > self._expected:
                self.close()
                self._verify(artifact)
            if self._whole is not None:
                self._whole.update(chunk)
            return chunk

    def close(self) -> None:
        """Ends the download; it does nothing after its end."""
        if self._stream is not None:
            self._stream.cancel()
            self._stream = None

    def _begin(self) -> Flow[Artifact]:
        request = content_pb2.DownloadArtifactRequest(artifact=self._ref, offset=self._offset + self._received)
        if self._artifact is not None:
            request.limit = self._expected - self._received
        elif self._limit is not None:
            request.limit = self._limit
        stream: Closing = yield Begin(methods.DOWNLOAD, request)
        self._stream = stream
        message = yield Next(stream, self._context.timeout, DeadlineExceeded)
        if message is None or message.WhichOneof("part") != "artifact":
            raise DataLoss("the download did not begin with its artifact")
        return artifact_from(message.artifact)

    def _chunk(self) -> Flow[bytes | None]:
        if self._stream is None:
            return None
        while True:
            message = yield Next(self._stream, _SILENCE_SECONDS_MAX, Unavailable)
            if message is None:
                return None
            if message.WhichOneof("part") == "chunk":
                chunk: bytes = message.chunk
                return chunk

    def _verify(self, artifact: Artifact) -> None:
        if self._received != self._expected:
            raise DataLoss(f"received {self._received} of {self._expected} bytes of {artifact.id}; try again")
        actual = artifact.sha256 if self._whole is None else self._whole.hexdigest()
        if actual != artifact.sha256:
            raise DataLoss(
                f"the bytes of {artifact.id} have SHA-256 {actual}, not {artifact.sha256}; try again, and if this "
                'stays, tell the operator ("artifacta fsck --contents" checks the store)',
                metadata={"expected": artifact.sha256, "actual": actual},
            )


class RangeReader:
    """Reads anywhere in an artifact. What is read on from where the last reading ended comes from one download."""

    def __init__(self, context: Context, artifact: Artifact) -> None:
        self._context = context
        self.artifact = artifact
        self._at = 0
        self._rest = memoryview(b"")
        self._download: Download | None = None

    def read(self, at: int, size: int) -> Flow[bytes]:
        """Returns at most `size` bytes from an offset on; an empty result is the end."""
        if size <= 0:
            return b""
        if at != self._at:
            self.close()
            self._at = at
            if at < self.artifact.size_bytes:
                self._download = self._range(max(size, _RANGE_BYTES_MIN))
        if not self._rest and (yield from self._more()) is None:
            return b""
        data = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        self._at += len(data)
        return data

    def _more(self) -> Flow[bytes | None]:
        while True:
            if self._download is None:
                if self._at >= self.artifact.size_bytes:
                    return None
                self._download = self._range(None)
            chunk = yield from self._download.next()
            if chunk is not None:
                self._rest = memoryview(chunk)
                return chunk
            self._download = None

    def _range(self, limit: int | None) -> Download:
        return Download(self._context, self.artifact, offset=self._at, limit=limit)

    def close(self) -> None:
        self._rest = memoryview(b"")
        if self._download is not None:
            self._download.close()
            self._download = None
