"""Pushes: small contents in one message, others in chunks, large ones by their digest first.

Either way the digest is asserted, so that the stored bytes are those that were read. After a lost connection a push is
repeated with the same request id and the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .._pb.artifacta.v1 import upload_pb2
from . import methods
from .contents import Chunker, Rewindable, Source
from .effects import BeginUpload, Closing, Finish, Flow, Write
from .errors import ArtifactaError
from .messages import Ttl, expiry, names, pushed_from, require_text, texts
from .records import Artifact, Progress
from .retry import Context, retrying, unary
from .versions import explained

INLINE_BYTES_MAX = 256 * 1024
"""Contents up to this size are sent in one message."""
DIGEST_FIRST_BYTES_MIN = 8 * 1024 * 1024
"""From this size on, a question by digest is worth its cost: the bytes may not have to be sent at all."""

OnProgress = Callable[[Progress], None]


def spec_message(
    session: str,
    name: str,
    *,
    metadata: Mapping[str, str] | None,
    labels: Mapping[str, str] | None,
    media_type: str | None,
    ttl: Ttl | None,
    parents: Sequence[str | Artifact] | None,
    request_id: str | None,
    new_version: bool,
) -> upload_pb2.ArtifactSpec:
    """Returns the description of an artifact to make. A push without a request id gets one of its own."""
    inputs = [
        one.id if isinstance(one, Artifact) else one
        for one in ([parents] if isinstance(parents, Artifact) else parents or ())
    ]
    return upload_pb2.ArtifactSpec(
        session=require_text("session", session),
        name=require_text("name", name),
        content_type=require_text("media_type", media_type or ""),
        metadata=texts("metadata", metadata),
        labels=texts("labels", labels),
        inputs=names("parents", parents if isinstance(parents, str) else inputs),
        request_id=require_text("request_id", request_id or os.urandom(16).hex()),
        new_version=new_version,
        **expiry("ttl", ttl),
    )


@dataclass(frozen=True)
class Push:
    """One push, with a fixed request id."""

    context: Context
    spec: upload_pb2.ArtifactSpec
    on_progress: OnProgress | None

    def run(self, source: Source) -> Flow[Artifact]:
        """Stores the bytes. Errors of the source are raised as they are; nothing is stored then."""
        size = source.size
        if size is not None and size >= DIGEST_FIRST_BYTES_MIN and source.replayable:
            return (yield from self._digest_first(source, size))
        if size is not None and size > INLINE_BYTES_MAX and source.replayable:
            return (yield from self._upload(source))
        once = Rewindable(source.open())
        try:
            data = yield from once.read_ahead(INLINE_BYTES_MAX)
            if data is not None:
                return (yield from self._inline(data))
            return (yield from self._upload(once, size))
        finally:
            once.close()

    def _asserting(self, size: int | None, sha256: str = "") -> upload_pb2.ArtifactSpec:
        spec = upload_pb2.ArtifactSpec(sha256=sha256)
        spec.MergeFrom(self.spec)
        if size is not None:
            spec.size_bytes = size
        return spec

    def _inline(self, data: bytes) -> Flow[Artifact]:
        spec = self._asserting(len(data), hashlib.sha256(data).hexdigest())
        request = upload_pb2.CreateArtifactRequest(spec=spec, data=data)
        return pushed_from((yield from unary(self.context, methods.CREATE, request)))

    def _digest_first(self, source: Source, size: int) -> Flow[Artifact]:
        sha256 = yield from self._digest_of(source, size)
        # The content does not have the size that it states: the upload gets the matching refusal.
        if sha256 is None:
            return (yield from self._upload(source))
        digest = upload_pb2.ContentDigest(sha256=sha256, size_bytes=size)
        request = upload_pb2.CreateArtifactRequest(spec=self._asserting(size, sha256), digest=digest)
        try:
            return pushed_from((yield from unary(self.context, methods.CREATE, request)))
        except ArtifactaError as error:
            # Credentials that may write and not read cannot refer to stored contents.
            if error.reason not in ("CONTENT_NOT_FOUND", "PERMISSION_DENIED"):
                raise
        return (yield from self._upload(source, size, sha256))

    def _digest_of(self, source: Source, size: int) -> Flow[str | None]:
        hasher = hashlib.sha256()
        read = 0
        pieces = source.open()
        try:
            while (piece := (yield from pieces.next(hasher))) is not None:
                read += len(piece)
                if read > size:
                    return None
                self._tell("hashing", read, size)
        finally:
            pieces.close()
        return hasher.hexdigest() if read == size else None

    def _upload(self, source: Source, size: int | None = None, sha256: str = "") -> Flow[Artifact]:
        stated = source.size if size is None else size

        def attempt(_number: int) -> Flow[Artifact]:
            try:
                return (yield from self._upload_once(source, stated, sha256))
            except ArtifactaError as error:
                if source.replayable or not error.retryable:
                    raise
                raise _not_repeated(error) from error

        policy = self.context.retry
        try:
            return (yield from retrying(policy, attempt))
        except ArtifactaError as error:
            raise (yield from explained(error, methods.UPLOAD.path, self.context.place)) from error.__cause__

    def _upload_once(self, source: Source, size: int | None, sha256: str) -> Flow[Artifact]:
        message = upload_pb2.UploadArtifactRequest
        idle = message(chunk=b"")
        upload: Closing = yield BeginUpload(methods.UPLOAD, idle)
        pieces = source.open()
        # A digest that was asserted at the start needs no second one: the service compares its own with it.
        hasher = None if sha256 else hashlib.sha256()
        chunker = Chunker()
        sent = 0
        is_finished = False
        try:
            yield Write(upload, message(start=upload_pb2.UploadStart(spec=self._asserting(size, sha256))))
            while (piece := (yield from pieces.next(hasher))) is not None:
                for chunk in chunker.take(piece):
                    sent = yield from self._send(upload, chunk, sent, size)
            for chunk in chunker.rest():
                sent = yield from self._send(upload, chunk, sent, size)
            digest = hasher.hexdigest() if hasher is not None else sha256
            yield Write(upload, message(finish=upload_pb2.UploadFinish(size_bytes=sent, sha256=digest)))
            response: upload_pb2.UploadArtifactResponse = yield Finish(upload)
            is_finished = True
        finally:
            pieces.close()
            # Without the last message nothing is stored.
            if not is_finished:
                upload.cancel()
        return pushed_from(response)

    def _send(self, upload: Closing, chunk: bytes, sent: int, size: int | None) -> Flow[int]:
        yield Write(upload, upload_pb2.UploadArtifactRequest(chunk=chunk))
        self._tell("sending", sent + len(chunk), size)
        return sent + len(chunk)

    def _tell(self, phase: str, done: int, total: int | None) -> None:
        if self.on_progress is not None:
            self.on_progress(Progress("hashing" if phase == "hashing" else "sending", done, total))


def _not_repeated(error: ArtifactaError) -> ArtifactaError:
    message = (
        f"{error.message}; the content cannot be read again, so the push was not repeated: "
        "push it again with the same request_id"
    )
    found = type(error)(message, reason=error.reason, metadata=error.metadata)
    found.may_repeat = False
    return found
