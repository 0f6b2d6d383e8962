"""Artifacts of Google ADK, kept by Artifacta: `pip install 'artifacta-client[adk]'`.

    runner = Runner(…, artifact_service=ArtifactaArtifactService())

For the command line of ADK, a `services.py` next to the agents has the two lines

    from artifacta_client.adk import register
    register()

and then `adk web --artifact_service_uri=artifacta://HOST:50051/NAMESPACE` uses it.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.adk.artifacts import artifact_util
from google.adk.artifacts.base_artifact_service import ArtifactVersion, BaseArtifactService, ensure_part
from google.adk.cli.service_registry import get_service_registry
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

from . import errors
from ._adk.names import filename_of, name_of, session_of
from ._adk.parts import Described, described, described_again, part_of, stored
from ._core.contents import Whole
from ._core.copying import by_digest, content, copy
from ._core.errors import invalid
from ._core.messages import Ref
from ._core.pushing import spec_message
from ._core.records import Artifact
from ._sync.session import Session
from ._sync.store import Store, connect

__all__ = ["ArtifactaArtifactService", "register"]

SCHEME = "artifacta"
_DIGEST_FIRST_BYTES_MIN = 64 * 1024
_HANDLES_MAX = 1_000
_REFERENCES_MAX = 5
_ENDLESS = f"artifact: refers to itself, or the chain of references is longer than {_REFERENCES_MAX}; correct them"


class ArtifactaArtifactService(BaseArtifactService):  # type: ignore[misc]
    """Keeps the artifacts of ADK in sessions of Artifacta: one for each session of ADK, and one for each user.

    Version 0 of ADK is version 1 here. Counting never begins again, not even after `delete_artifact`. The service
    blocks in threads, so that it works in any event loop.

    Args:
        uri: `artifacta://HOST:PORT/NAMESPACE`, `?tls=true` for TLS. Without a host: what `connect()` finds.
        store: The store to use. Default: one of its own, which `close` closes.
        agents_dir: What ADK gives to services; it is not used.
        **options: Those of `artifacta_client.connect`.

    """

    def __init__(
        self, uri: str | None = None, *, store: Store | None = None, agents_dir: str | None = None, **options: Any
    ) -> None:
        del agents_dir
        self.store = store or connect(**{**_options_of(uri), **options})
        self._handles: dict[str, Session] = {}
        self._finish = weakref.finalize(self, self.store.close) if store is None else None

    def close(self) -> None:
        """Closes its own store."""
        if self._finish is not None:
            self._finish()

    def session(self, *, app_name: str, user_id: str, session_id: str | None) -> Session:
        """Returns the session in which the artifacts of a session of ADK are (None: those of the user).

        ADK does not say when a session has ended. A program that knows it may seal the session here.
        """
        id = session_of(app_name, user_id, session_id)
        if id not in self._handles:
            if len(self._handles) >= _HANDLES_MAX:
                self._handles.clear()
            shown = {"adk.app": app_name, "adk.user": user_id, "adk.session": session_id or ""}
            metadata = {key: value.encode("utf-8", "replace").decode()[:250] for key, value in shown.items() if value}
            self._handles[id] = self.store.session(id, metadata=metadata)
        return self._handles[id]

    async def save_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        artifact: types.Part | dict[str, Any],
        session_id: str | None = None,
        custom_metadata: dict[str, Any] | None = None,
    ) -> int:
        place = _Place(app_name, user_id, session_id, filename)
        part: types.Part = ensure_part(artifact)
        return (await asyncio.to_thread(self._save, place, part, custom_metadata)).version - 1

    def _save(self, place: _Place, part: types.Part, custom: dict[str, Any] | None) -> Artifact:
        session = self.session(app_name=place.app_name, user_id=place.user_id, session_id=place.scope)
        self._begin(session)
        if artifact_util.is_artifact_ref(part):
            target = self._target(place, part)
            if target is not None:
                return self._copy(session, place, target, custom)
        push = stored(part, custom)
        driver = self.store._driver
        spec = spec_message(
            session.id,
            place.name,
            metadata=push.metadata,
            labels=None,
            media_type=push.media_type,
            ttl=None,
            parents=None,
            request_id=None,
            new_version=True,
        )
        # The service already has what a rewind saves.
        if len(push.data) >= _DIGEST_FIRST_BYTES_MIN:
            sha256 = hashlib.sha256(push.data).hexdigest()
            return driver(by_digest(driver.context, spec, sha256, len(push.data), Whole(push.data)))
        return session.push(
            push.data,
            place.name,
            metadata=push.metadata,
            media_type=push.media_type,
            request_id=spec.request_id,
            new_version=True,
        )

    def _begin(self, session: Session) -> None:
        if session.record is None:
            try:
                session.begin()
            except errors.SessionConflict:
                # Somebody opened it with settings of his own, which count.
                session.refresh()

    def _target(self, place: _Place, part: types.Part) -> Artifact | None:
        """Returns what a reference leads to now. Raises InputValidationError for one that leads elsewhere."""
        at = place.referred(part)
        for _ in range(_REFERENCES_MAX):
            artifact = self._get(at, at.version)
            if artifact is None:
                return None
            told = described(artifact.metadata, artifact.media_type)
            found = self._part(artifact, told) if told.kind == "file" else None
            if found is None or not artifact_util.is_artifact_ref(found):
                return artifact
            at = at.referred(found)
        raise InputValidationError(_ENDLESS)

    def _copy(self, session: Session, place: _Place, target: Artifact, custom: dict[str, Any] | None) -> Artifact:
        driver = self.store._driver
        flow = copy(
            driver.context,
            target,
            session.id,
            place.name,
            media_type=target.media_type,
            metadata=described_again(described(target.metadata, target.media_type), custom),
            new_version=True,
        )
        return driver(flow)

    async def load_artifact(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> types.Part | None:
        place = _Place(app_name, user_id, session_id, filename)
        return await asyncio.to_thread(self._load, place, version)

    def _load(self, place: _Place, version: int | None) -> types.Part | None:
        for _ in range(_REFERENCES_MAX + 1):
            artifact = self._get(place, version)
            if artifact is None:
                return None
            part = self._part(artifact, described(artifact.metadata, artifact.media_type))
            if part is None or not artifact_util.is_artifact_ref(part):
                return part
            place = place.referred(part)
            version = place.version
        raise InputValidationError(_ENDLESS)

    def _part(self, artifact: Artifact, told: Described) -> types.Part | None:
        driver = self.store._driver
        return part_of(told, driver(content(driver.context, artifact)))

    def _get(self, place: _Place, version: int | None) -> Artifact | None:
        if version is not None and version < 0:
            return None
        try:
            return self.store.get(Ref(place.session, place.name, None if version is None else version + 1))
        except errors.NotFound:
            return None

    async def list_artifact_keys(self, *, app_name: str, user_id: str, session_id: str | None = None) -> list[str]:
        _Place(app_name, user_id, session_id, "user:")
        scopes = [None] if session_id is None else [session_id, None]
        sessions = [session_of(app_name, user_id, scope) for scope in scopes]
        return await asyncio.to_thread(lambda: sorted(name for one in sessions for name in self._names(one)))

    def _names(self, session: str) -> list[str]:
        try:
            return [filename_of(artifact.name) for artifact in self.store.query(session=session)]
        except errors.SessionNotFound:
            return []

    async def delete_artifact(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> None:
        place = _Place(app_name, user_id, session_id, filename)

        def delete() -> None:
            for artifact in reversed(self._versions(place)):
                self.store.delete(artifact)

        await asyncio.to_thread(delete)

    async def list_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[int]:
        place = _Place(app_name, user_id, session_id, filename)
        return [artifact.version - 1 for artifact in await asyncio.to_thread(self._versions, place)]

    async def list_artifact_versions(
        self, *, app_name: str, user_id: str, filename: str, session_id: str | None = None
    ) -> list[ArtifactVersion]:
        place = _Place(app_name, user_id, session_id, filename)
        return [_version_of(artifact) for artifact in await asyncio.to_thread(self._versions, place)]

    async def get_artifact_version(
        self,
        *,
        app_name: str,
        user_id: str,
        filename: str,
        session_id: str | None = None,
        version: int | None = None,
    ) -> ArtifactVersion | None:
        place = _Place(app_name, user_id, session_id, filename)
        artifact = await asyncio.to_thread(self._get, place, version)
        return None if artifact is None else _version_of(artifact)

    def _versions(self, place: _Place) -> list[Artifact]:
        try:
            found = self.store.query(session=place.session, name=place.name, all_versions=True)
            return sorted(found, key=lambda artifact: artifact.version)
        except errors.SessionNotFound:
            return []


class _Place:
    """Where an artifact of ADK is. Raises InputValidationError for what ADK's own services refuse."""

    def __init__(
        self, app_name: str, user_id: str, session_id: str | None, filename: str, version: int | None = None
    ) -> None:
        artifact_util.validate_path_segment(app_name, "app_name")
        artifact_util.validate_path_segment(user_id, "user_id")
        is_of_user = filename.startswith("user:")
        if session_id is None and not is_of_user:
            raise InputValidationError("Session ID must be provided for session-scoped artifacts.")
        if session_id is not None:
            artifact_util.validate_path_segment(session_id, "session_id")
        self.app_name, self.user_id, self.session_id, self.version = app_name, user_id, session_id, version
        self.scope = None if is_of_user else session_id
        self.session = session_of(app_name, user_id, self.scope)
        self.name = name_of(filename)

    def referred(self, part: types.Part) -> _Place:
        """Returns the place that a reference of this place names."""
        uri = part.file_data.file_uri if part.file_data is not None else None
        parsed = artifact_util.parse_artifact_uri(uri or "")
        if not parsed:
            raise InputValidationError(f"Invalid artifact reference URI: {uri}")
        artifact_util.validate_artifact_reference_scope(
            app_name=self.app_name, user_id=self.user_id, session_id=self.session_id, parsed_uri=parsed
        )
        return _Place(parsed.app_name, parsed.user_id, parsed.session_id, parsed.filename, parsed.version)


def _version_of(artifact: Artifact) -> ArtifactVersion:
    told = described(artifact.metadata, artifact.media_type)
    return ArtifactVersion(
        version=artifact.version - 1,
        canonical_uri=f"{SCHEME}://{artifact.session}/{artifact.name}?version={artifact.version}",
        custom_metadata=dict(told.custom),
        create_time=artifact.create_time.timestamp(),
        mime_type=told.mime_type,
    )


def _options_of(uri: str | None) -> dict[str, Any]:
    if not uri:
        return {}
    parsed = urlsplit(uri)
    query = parse_qs(parsed.query)
    namespace = parsed.path.strip("/")
    if parsed.scheme != SCHEME or "/" in namespace or set(query) - {"tls"} or "@" in parsed.netloc:
        raise invalid("uri", "must be artifacta://HOST:PORT/NAMESPACE; a token is given as ARTIFACTA_TOKEN")
    scheme = "grpcs" if query.get("tls") == ["true"] else "grpc"
    options: dict[str, Any] = {"url": f"{scheme}://{parsed.netloc}"} if parsed.netloc else {}
    return {**options, "namespace": namespace} if namespace else options


def register() -> None:
    """Makes ADK know the scheme `artifacta` of `--artifact_service_uri`."""
    get_service_registry().register_artifact_service(SCHEME, ArtifactaArtifactService)
