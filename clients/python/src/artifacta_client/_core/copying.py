"""Contents that the service already has: a range of one in memory, and one under another name, by its digest."""

from __future__ import annotations

from collections.abc import Mapping

from .._pb.artifacta.v1 import upload_pb2
from . import methods
from .contents import Hasher, Pieces, Source, hashed
from .downloads import Download
from .effects import Flow
from .errors import ArtifactaError
from .messages import ArtifactRef, pushed_from
from .pushing import Push, spec_message
from .records import Artifact
from .retry import Context, unary


def content(context: Context, ref: ArtifactRef, offset: int = 0, limit: int | None = None) -> Flow[bytes]:
    """Returns the bytes of an artifact, or at most `limit` of them from an offset on."""
    download = Download(context, ref, offset=offset, limit=limit)
    pieces: list[bytes] = []
    try:
        while (piece := (yield from download.next())) is not None:
            pieces.append(piece)
    finally:
        download.close()
    return b"".join(pieces)


def copy(
    context: Context,
    source: Artifact,
    session: str,
    name: str,
    *,
    media_type: str | None,
    metadata: Mapping[str, str] | None,
    labels: Mapping[str, str] | None = None,
    new_version: bool = False,
) -> Flow[Artifact]:
    """Stores the content of an artifact under another name too. Its digest is sent, and no bytes.

    The artifact is a parent of its copy.
    """
    spec = spec_message(
        session,
        name,
        metadata=metadata,
        labels=labels,
        media_type=media_type,
        ttl=None,
        parents=[source],
        request_id=None,
        new_version=new_version,
    )
    return by_digest(context, spec, source.sha256, source.size_bytes, _Stored(context, source))


def by_digest(
    context: Context, spec: upload_pb2.ArtifactSpec, sha256: str, size: int, source: Source
) -> Flow[Artifact]:
    """Stores content whose bytes the service has; else the source is read and pushed."""
    digest = upload_pb2.ContentDigest(sha256=sha256, size_bytes=size)
    try:
        request = upload_pb2.CreateArtifactRequest(spec=spec, digest=digest)
        return pushed_from((yield from unary(context, methods.CREATE, request)))
    except ArtifactaError as error:
        # Credentials that may write and not read cannot refer to stored contents.
        if error.reason not in ("CONTENT_NOT_FOUND", "PERMISSION_DENIED"):
            raise
    return (yield from Push(context, spec, None).run(source))


class _Stored:
    """The bytes of an artifact, as content to push."""

    replayable = True

    def __init__(self, context: Context, artifact: Artifact) -> None:
        self._context, self._artifact = context, artifact
        # Were it known, large contents would be read once more for the digest that the service has just not found.
        self.size: int | None = None

    def open(self) -> Pieces:
        return _Arriving(Download(self._context, self._artifact))


class _Arriving:
    def __init__(self, download: Download) -> None:
        self._download = download
        self.close = download.close

    def next(self, hasher: Hasher | None) -> Flow[bytes | None]:
        return (yield from hashed((yield from self._download.next()), hasher))
