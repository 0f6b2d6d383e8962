"""The artifacts of a namespace as a tree of files: what the file system does, by blocking calls."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from .. import errors
from .._core.copying import content, copy
from .._core.messages import Ref
from .._core.records import Artifact
from .._sync.store import Store
from . import listing
from .errors import as_of_files
from .paths import Entry, beginning, directory_entry, file_entry, session_entry, split


class Tree:
    """The files of a store. Paths have no protocol, and no `/` at their ends. Methods raise what files raise."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def get(self, path: str, version: int | None = None) -> Artifact:
        """Returns the record of a file."""
        with as_of_files(path, reading=True):
            return self.store.get(Ref(*split(path), version))

    def info(self, path: str, version: int | None = None) -> Entry:
        """Tells what is at a path; a file comes before a directory of the same name."""
        with as_of_files(path, reading=True):
            return self._info(path, version)

    def _info(self, path: str, version: int | None) -> Entry:
        session, name = split(path)
        if not session:
            return directory_entry("")
        if not name:
            record = self.store.session(session).refresh().record
            return directory_entry(session) if record is None else session_entry(record)
        try:
            return file_entry(self.store.get(Ref(session, name, version)))
        except errors.NotFound:
            if version is None and self._has_below(session, name):
                return directory_entry(path)
            raise

    def _has_below(self, session: str, name: str) -> bool:
        try:
            found = self.store.query(beginning("name", f"{name}/"), session=session, limit=1)
            return next(iter(found), None) is not None
        except errors.NotFound:
            return False

    def exists(self, path: str) -> bool:
        """False: nothing exists at the path. A service that cannot be reached is an error."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        return True

    def list(self, path: str, prefix: str = "") -> list[Entry]:
        """Lists a directory; `prefix`: only what begins with it. A file is a list of itself."""
        with as_of_files(path, reading=True):
            session, name = split(path)
            if not session:
                return listing.sessions(self.store, prefix)
            found = listing.children(self.store, session, f"{name}/" if name else "", prefix)
            if found or not name or prefix:
                return found
            return [file_entry(self.store.get(Ref(session, name)))]

    def find(self, path: str, maxdepth: int | None, prefix: str, *, with_directories: bool) -> dict[str, Entry]:
        """Finds all files below a directory, by one query, and the directory itself. Nothing there: nothing found."""
        found: dict[str, Entry] = {}
        try:
            if maxdepth == 1:
                listed = {str(entry["name"]): entry for entry in self.list(path, prefix)}
                found = {name: one for name, one in listed.items() if with_directories or one["type"] == "file"}
            else:
                with as_of_files(path, reading=True):
                    for artifact in listing.below(self.store, path, prefix):
                        _add(found, path, artifact, maxdepth, with_directories=with_directories)
            if not path and with_directories:
                found.update((str(entry["name"]), entry) for entry in listing.sessions(self.store, prefix))
            if path and not prefix and (with_directories or not found):
                told = self.info(path)
                if with_directories or told["type"] == "file":
                    found[path] = told
        except FileNotFoundError:
            pass
        return found

    def bytes_of(self, ref: Artifact | Ref, start: int = 0, end: int | None = None) -> bytes:
        """Returns the bytes from `start` to before `end`. The whole is checked by its SHA-256."""
        if end is not None and end <= start:
            return b""
        driver = self.store._driver
        with as_of_files(f"{ref.session}/{ref.name}", reading=True):
            return driver(content(driver.context, ref, start, None if end is None else end - start))

    def pull(self, path: str, to: str, progress: Any) -> None:
        """Writes a file to the local disk, at once as a whole."""
        with as_of_files(path, reading=True):
            self.store.pull(Ref(*split(path)), to, progress=progress)

    def push(self, path: str, content: BinaryIO | bytes | os.PathLike[str], **options: Any) -> Artifact:
        """Makes the next version of a file."""
        session, name = split(path)
        with as_of_files(path):
            return self.store.session(session).push(content, name, **options)

    def copy(self, source: str, target: str) -> Artifact:
        """Copies a file by its digest, with its metadata and labels. The original is the parent of the copy."""
        driver, artifact = self.store._driver, self.get(source)
        session, name = split(target)
        # Another ending says what the copy is to be taken for.
        keeps_type = os.path.splitext(artifact.name)[1] == os.path.splitext(name)[1]
        own = {key: value for key, value in artifact.metadata.items() if key not in artifact.inherited_metadata_keys}
        media_type = artifact.media_type if keeps_type else None
        flow = copy(
            driver.context, artifact, session, name, media_type=media_type, metadata=own, labels=artifact.labels
        )
        with as_of_files(target):
            return driver(flow)

    def delete(self, path: str) -> int:
        """Deletes all versions, the latest first, so that a file that is held stays whole. Returns their number."""
        session, name = split(path)
        with as_of_files(path):
            versions = list(self.store.query(session=session, name=name, all_versions=True)) if name else []
            return sum(self.store.delete(artifact) for artifact in versions)

    def delete_session(self, session: str) -> None:
        """Deletes a session with all that it has."""
        with as_of_files(session):
            self.store.session(session).remove()

    def open_session(self, session: str) -> None:
        """Opens a session."""
        with as_of_files(session):
            self.store.session(session).begin()


def _add(
    found: dict[str, Entry], path: str, artifact: Artifact, maxdepth: int | None, *, with_directories: bool
) -> None:
    full = f"{artifact.session}/{artifact.name}"
    steps = full[len(path) + 1 if path else 0 :].split("/")
    if maxdepth is None or len(steps) <= maxdepth:
        found[full] = file_entry(artifact)
    if with_directories:
        for count in range(1, min(len(steps), (maxdepth or len(steps)) + 1)):
            directory = "/".join([*([path] if path else []), *steps[:count]])
            found.setdefault(directory, directory_entry(directory))
