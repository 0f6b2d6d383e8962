"""Listings of directories, which names have only as a matter of speaking: `a/b` is in `a`."""

from __future__ import annotations

from collections.abc import Iterator

from .._core.records import Artifact
from .._sync.store import Store
from .paths import Entry, beginning, directory_entry, file_entry, session_entry, split

_PAGE_SIZE = 200
_EXCLUDED_MAX = 60
_FILTER_BYTES_MAX = 3_500
"""The language of filters allows 100 comparisons and 4 KiB."""


def sessions(store: Store, prefix: str = "") -> list[Entry]:
    """Returns the sessions whose id begins with `prefix`."""
    found = store.sessions(beginning("session", prefix) if prefix else None)
    return [session_entry(session.record) for session in found if session.record is not None]


def children(store: Store, session: str, above: str, prefix: str = "") -> list[Entry]:
    """Returns what is directly in a directory, whose name `above` is empty or ends in `/`.

    Of a directory in it, no more is read than shows that it exists: the rest of it is left out by the filter of the
    next call. So a listing reads as many records as it returns, and some more, not those of the whole session.
    """
    files: dict[str, Entry] = {}
    directories: dict[str, Entry] = {}
    walk = _Walk(store, session, above, above + prefix)
    for artifact in walk:
        first, slash, _rest = artifact.name[len(above) :].partition("/")
        path = f"{session}/{above}{first}"
        if not slash:
            files[path] = file_entry(artifact)
        elif path not in directories:
            directories[path] = directory_entry(path)
            walk.leave_out(f"{above}{first}/")
    return sorted([*directories.values(), *files.values()], key=lambda entry: str(entry["name"]))


class _Walk:
    """The artifacts below a directory, oldest first, without those that were found to be of no interest."""

    def __init__(self, store: Store, session: str, above: str, prefix: str) -> None:
        self._store, self._session, self._above = store, session, above
        self._filters = [beginning("name", prefix)] if prefix else []
        self._excluded = 0
        self._is_changed = False

    def leave_out(self, directory: str) -> None:
        """Leaves out what is below this directory, from the next page on, if the filter has room for it."""
        part = f"NOT {beginning('name', directory)}"
        size = sum(len(one.encode()) + 5 for one in [*self._filters, part])
        if self._excluded < _EXCLUDED_MAX and size <= _FILTER_BYTES_MAX:
            self._filters.append(part)
            self._excluded += 1
            self._is_changed = True

    def __iter__(self) -> Iterator[Artifact]:
        token, since = "", None
        while True:
            after = f'create_time >= "{since.isoformat()}"' if since is not None else ""
            self._is_changed = False
            page = self._store.query_page(
                " AND ".join(filter(None, [*self._filters, after])) or None,
                session=self._session,
                order="oldest",
                page_size=_PAGE_SIZE,
                page_token=token,
            )
            yield from page.artifacts
            token = page.next_page_token
            if not token:
                return
            if self._is_changed:
                # A token belongs to its filter. What has the same time is met twice, and known by its name.
                token, since = "", page.artifacts[-1].create_time


def below(store: Store, path: str, prefix: str = "") -> Iterator[Artifact]:
    """Yields all artifacts below a directory, at any depth, whose path goes on with `prefix`."""
    session, name = split(path)
    if not session:
        return store.query(beginning("session", prefix) if prefix else None)
    start = (f"{name}/" if name else "") + prefix
    return store.query(beginning("name", start) if start else None, session=session)
