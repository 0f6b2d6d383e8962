"""Artifacts as files for fsspec, and so for pandas, pyarrow, dask and others: `artifacta://SESSION/NAME`.

    import pandas as pd

    frame = pd.read_csv("artifacta://run_42/tables/orders.csv")
    frame.to_parquet("artifacta://run_42/tables/orders.parquet")

fsspec finds this module by itself if the package is installed: `pip install 'artifacta-client[fsspec]'`.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from errno import EEXIST, EISDIR
from pathlib import Path
from threading import Lock
from typing import Any

from fsspec.asyn import AsyncFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.compression import compr
from fsspec.core import get_compression

from ._core.records import Artifact, Progress
from ._fsspec.files import ArtifactReader, ArtifactWriter, CompressedWriter, TextWriter
from ._fsspec.paths import Entry
from ._fsspec.tree import Tree
from ._settings import Token
from ._sync.store import Store, connect

__all__ = ["ArtifactaFileSystem"]

_DESCRIBING = ("labels", "media_type", "metadata", "parents")
_TOGETHER = 32


class ArtifactaFileSystem(AsyncFileSystem):  # type: ignore[misc]
    """The artifacts of a namespace as files `SESSION/NAME`. A file is the latest version of its name.

    Sessions are the directories of the root. Below them, a directory exists as long as a name begins with it. A file is
    never changed: to write is to make the next version. `rm` deletes all versions, for good.

    It is asynchronous as fsspec means it, but calls a blocking store in threads: so it works in any event loop, and an
    instance that was made after a fork works.

    Args:
        service_url: Where the service is: the `url` of `artifacta_client.connect`, whose other settings follow. (fsspec
            calls the path `url`.)
        token: The bearer token.
        namespace: Only operators may name another than that of their token.
        data_dir: The data directory whose service is used.
        timeout: The deadline of one try of a call, in seconds.
        **options: Those of fsspec.

    """

    protocol = "artifacta"
    root_marker = ""
    cachable = True

    def __init__(
        self,
        service_url: str | None = None,
        *,
        token: Token | None = None,
        namespace: str | None = None,
        data_dir: str | os.PathLike[str] | None = None,
        timeout: float = 30.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._connect: Callable[[], Store] = lambda: connect(
            service_url, token=token, namespace=namespace, data_dir=data_dir, timeout=timeout
        )
        self._made: Tree | None = None
        self._lock = Lock()

    @property
    def store(self) -> Store:
        """The store behind it: to open and seal sessions, to query, to share."""
        return self._tree.store

    @property
    def _tree(self) -> Tree:
        with self._lock:
            if self._made is None:
                self._made = Tree(self._connect())
                weakref.finalize(self, self._made.store.close)
            return self._made

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        stripped = super()._strip_protocol(path)
        return stripped if isinstance(stripped, list) else stripped.lstrip("/")

    # Looking.

    async def _info(self, path: str, version: int | None = None, **_options: Any) -> Entry:
        return await asyncio.to_thread(self._tree.info, self._strip_protocol(path), version)

    async def _ls(self, path: str, detail: bool = True, **_options: Any) -> list[Any]:
        found = await asyncio.to_thread(self._tree.list, self._strip_protocol(path))
        return found if detail else sorted({entry["name"] for entry in found})

    async def _find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        prefix: str = "",
        detail: bool = False,
        **_options: Any,
    ) -> Any:
        """Finds files below a directory; `prefix`: only those whose path goes on with it."""
        if maxdepth is not None and maxdepth < 1:
            raise ValueError("maxdepth: must be at least 1")
        path = self._strip_protocol(path)
        found = await asyncio.to_thread(self._tree.find, path, maxdepth, prefix, with_directories=withdirs)
        return {name: found[name] for name in sorted(found)} if detail else sorted(found)

    async def _isfile(self, path: str) -> bool:
        return await self._is(path, "file")

    async def _isdir(self, path: str) -> bool:
        return await self._is(path, "directory")

    async def _is(self, path: str, kind: str) -> bool:
        # Only what does not exist is False: a service that cannot be reached is an error.
        try:
            return bool((await self._info(path))["type"] == kind)
        except FileNotFoundError:
            return False

    def checksum(self, path: str) -> int:
        """Returns the SHA-256 of the content, as a number."""
        return int(self.ukey(path), 16)

    def ukey(self, path: str) -> str:
        """Returns the SHA-256 of the content."""
        return str(self.info(path)["sha256"])

    def created(self, path: str) -> Any:
        """Returns when the latest version was stored."""
        return self.info(path)["created"]

    modified = created

    # Reading.

    async def _cat_file(
        self,
        path: str,
        start: int | None = None,
        end: int | None = None,
        version: int | None = None,
        known: dict[str, Artifact] | None = None,
        **_options: Any,
    ) -> bytes:
        artifact = (known or {}).get(path)
        if artifact is None:
            artifact = await asyncio.to_thread(self._tree.get, self._strip_protocol(path), version)
        first, last, _step = slice(start, end).indices(artifact.size_bytes)
        return await asyncio.to_thread(self.range_of, artifact, first, last)

    def range_of(self, artifact: Artifact, start: int, end: int) -> bytes:
        """Returns the bytes of one version, from `start` to before `end`."""
        return self._tree.bytes_of(artifact, start, end)

    async def _cat_ranges(self, paths: Any, starts: Any, ends: Any, max_gap: Any = None, **options: Any) -> Any:
        """Reads ranges; those of one file are of one version, even if another is stored meanwhile."""
        known: dict[str, Artifact] = {}
        for path in set(paths) if isinstance(paths, list) else ():
            try:
                known[path] = await asyncio.to_thread(self._tree.get, self._strip_protocol(path))
            except (OSError, ValueError):
                # The reading of the range reports it, as `on_error` says.
                continue
        return await super()._cat_ranges(paths, starts, ends, max_gap, known=known, **options)

    async def _get_file(self, rpath: str, lpath: str, callback: Any = DEFAULT_CALLBACK, **_options: Any) -> None:
        path = self._strip_protocol(rpath)
        if await self._isdir(path):
            os.makedirs(lpath, exist_ok=True)
            return
        os.makedirs(os.path.dirname(lpath) or ".", exist_ok=True)
        await asyncio.to_thread(self._tree.pull, path, lpath, _shown(callback))

    def open(
        self,
        path: Any,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Any:
        """Opens a file; `version=3` reads that version. Writing takes `metadata`, `labels`, `media_type`, `parents`."""
        if "r" in mode:
            return super().open(path, mode, block_size, cache_options, compression, **options)
        text = {key: options.pop(key) for key in ("encoding", "errors", "newline") if key in options}
        codec = get_compression(self._strip_protocol(path), compression)
        writer: Any = super().open(path, mode.replace("t", "").replace("b", "") + "b", **options)
        if codec is not None:
            writer = CompressedWriter(compr[codec](writer, mode="w"), writer)
        return writer if "b" in mode else TextWriter(writer, **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        version: int | None = None,
        cache_type: str = "readahead",
        **options: Any,
    ) -> ArtifactReader | ArtifactWriter:
        tree = self._tree
        if mode == "rb":
            caching = {"cache_type": cache_type, "cache_options": cache_options}
            return ArtifactReader(self, tree.get(path, version), block_size, **caching)
        if mode not in ("wb", "ab", "xb"):
            raise ValueError(
                f"mode: must be r, w, a or x, with b or t, not {mode!r}: an artifact cannot be changed in place"
            )
        _require_name(path)
        before = tree.get(path) if mode != "wb" and tree.exists(path) else None
        if mode == "xb" and before is not None:
            raise _exists(path)
        described = {key: options[key] for key in _DESCRIBING if key in options}
        writer = ArtifactWriter(path, mode, lambda file: tree.push(path, file, **described), autocommit=autocommit)
        if before is not None:
            writer.write(tree.bytes_of(before))
        return writer

    # Writing.

    async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_options: Any) -> None:
        await self._push(path, value, mode)

    async def _put_file(
        self, lpath: str, rpath: str, mode: str = "overwrite", callback: Any = DEFAULT_CALLBACK, **_options: Any
    ) -> None:
        if await asyncio.to_thread(os.path.isdir, lpath):
            await self._makedirs(rpath, exist_ok=True)
        else:
            await self._push(rpath, Path(lpath), mode, progress=_shown(callback))

    async def _push(self, path: str, content: Any, mode: str, **options: Any) -> None:
        path = self._strip_protocol(path)
        _require_name(path)
        if mode == "create" and await self._exists(path):
            raise _exists(path)
        await asyncio.to_thread(self._tree.push, path, content, **options)

    async def _cp_file(self, path1: str, path2: str, **_options: Any) -> None:
        """Copies by digest: no bytes are sent."""
        source, target = self._strip_protocol(path1), self._strip_protocol(path2)
        if (await self._info(source))["type"] == "directory":
            await self._makedirs(target, exist_ok=True)
            return
        _require_name(target)
        await asyncio.to_thread(self._tree.copy, source, target)

    async def _rm_file(self, path: str, **_options: Any) -> None:
        path = self._strip_protocol(path)
        if await asyncio.to_thread(self._tree.delete, path):
            return
        if (await self._info(path))["type"] == "directory":
            raise IsADirectoryError(EISDIR, "is a directory: give recursive=True", path)

    async def _rm(self, path: Any, recursive: bool = False, batch_size: int | None = None, **options: Any) -> None:
        """Deletes files; with `recursive` directories, and sessions with all that they have."""
        maxdepth = options.get("maxdepth")
        paths = await self._expand_path(path, recursive=recursive, maxdepth=maxdepth)
        if "" in paths:
            raise ValueError("path: must name a session: everything cannot be deleted at once")
        sessions = [one for one in paths if "/" not in one] if recursive and maxdepth is None else []
        for session in sessions:
            await asyncio.to_thread(self._tree.delete_session, session)
        rest = [one for one in reversed(paths) if one.partition("/")[0] not in sessions]
        size = batch_size or self.batch_size or _TOGETHER
        size = size if size > 0 else max(len(rest), 1)
        for at in range(0, len(rest), size):
            part = rest[at : at + size]
            if recursive:
                await asyncio.gather(*(asyncio.to_thread(self._tree.delete, one) for one in part))
            else:
                await asyncio.gather(*map(self._rm_file, part))

    async def _mkdir(self, path: str, create_parents: bool = True, **_options: Any) -> None:  # noqa: ARG002
        """Opens a session. Directories below it need not be made."""
        await self._makedirs(path)

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:
        path = self._strip_protocol(path)
        if not path or "/" in path:
            return
        if not await self._exists(path):
            await asyncio.to_thread(self._tree.open_session, path)
        elif not exist_ok:
            raise _exists(path)


def _exists(path: str) -> FileExistsError:
    return FileExistsError(EEXIST, "exists", path)


def _require_name(path: str) -> None:
    if "/" not in path:
        raise IsADirectoryError(EISDIR, "is a session: a file is named SESSION/NAME", path)


def _shown(callback: Any) -> Callable[[Progress], None] | None:
    if callback is DEFAULT_CALLBACK:
        return None

    def show(progress: Progress) -> None:
        if progress.phase != "hashing":
            callback.set_size(progress.total)
            callback.absolute_update(progress.bytes)

    return show
