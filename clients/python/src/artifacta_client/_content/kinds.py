"""What a push accepts as content, and the name that it gets if none is given."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from .._core.contents import Items, Source, Whole
from .._core.errors import invalid
from .._core.messages import require_text
from .files import Opened, Path

if TYPE_CHECKING:
    import pandas

Content: TypeAlias = (
    "os.PathLike[str] | str | bytes | bytearray | memoryview | BinaryIO | Iterable[bytes] | Mapping[str, Any]"
    " | list[Any] | pandas.DataFrame"
)
"""What may be pushed.

- a `pathlib.Path` or any other `os.PathLike`: the file there
- a `str`: this text, as UTF-8; never a path
- `bytes`, `bytearray`, `memoryview`: these bytes
- a binary file that is open: its bytes from its position on
- an iterable of bytes, such as a generator: its bytes, as they come; it is read once
- a mapping or a `list`: JSON
- a `pandas.DataFrame`: Parquet, or CSV if the name ends in `.csv`
"""

AsyncContent: TypeAlias = "Content | AsyncIterable[bytes]"
"""What may be pushed with asyncio: `Content`, or an asynchronous iterable of bytes."""

PARQUET = "application/vnd.apache.parquet"


@dataclass(frozen=True)
class Kind:
    """The bytes, with the name and the media type that follow from the kind of content. None: none follows."""

    source: Source
    name: str
    media_type: str | None


def kind_of(content: object, name: str | None, *, is_async: bool) -> Kind:
    """Returns what to push. Raises InvalidArgument with the field `content` or `name`."""
    if isinstance(content, os.PathLike):
        path = os.fsdecode(content)
        return Kind(Path(path), _named(name, os.path.basename(os.path.abspath(path))), None)
    if isinstance(content, str):
        hint = "; a str is pushed as text: to push a file, give pathlib.Path(…)"
        return Kind(Whole(require_text("content", content).encode()), _named(name, None, hint), None)
    if isinstance(content, (bytes, bytearray, memoryview)):
        return Kind(Whole(bytes(content) if isinstance(content, bytearray) else content), _named(name, None), None)
    if _is_frame(content):
        return _frame(content, _named(name, None))
    if isinstance(content, (Mapping, list)):
        known = _named(name, None)
        return Kind(Whole(_json(content)), known, None if known.endswith(".json") else "application/json")
    if hasattr(content, "read"):
        file_name = getattr(content, "name", None)
        usual = os.path.basename(file_name) if isinstance(file_name, str) else None
        return Kind(Opened(cast("BinaryIO", content)), _named(name, usual), None)
    if isinstance(content, AsyncIterable):
        if not is_async:
            raise invalid("content", "must not be an asynchronous iterable here: use artifacta_client.aio")
        return Kind(Items(content), _named(name, None), None)
    if isinstance(content, Iterable):
        return Kind(Items(content), _named(name, None), None)
    raise invalid(
        "content",
        f"must be a path, bytes, text, a binary file, an iterable of bytes, a dict, a list or a "
        f"DataFrame, not {type(content).__name__}",
    )


def _named(name: str | None, usual: str | None, hint: str = "") -> str:
    if name is None and not usual:
        raise invalid("name", f"is required for this content{hint}")
    return require_text("name", name if name is not None else usual)


def _json(content: object) -> bytes:
    import json

    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        hint = "; for pieces of bytes, give an iterator" if _has_bytes(content) else ""
        raise invalid("content", f"must be JSON: {error}{hint}") from error


def _has_bytes(content: object) -> bool:
    return isinstance(content, list) and any(isinstance(item, bytes) for item in content)


def _is_frame(content: object) -> bool:
    # A program without pandas has no DataFrame either.
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(content, pandas.DataFrame)


def _frame(frame: Any, name: str) -> Kind:
    if name.endswith((".csv", ".tsv")):
        separator = "\t" if name.endswith(".tsv") else ","
        return Kind(Whole(frame.to_csv(index=False, sep=separator).encode()), name, None)
    try:
        data = frame.to_parquet(index=None)
    except ImportError:
        raise invalid(
            "content",
            "cannot be written as Parquet without pyarrow: pip install 'artifacta-client[pandas]', "
            "or give a name that ends in .csv",
        ) from None
    return Kind(Whole(data), name, None if name.endswith(".parquet") else PARQUET)
