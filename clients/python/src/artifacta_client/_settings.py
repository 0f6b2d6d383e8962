"""Where the service is: arguments, then the environment, then the settings that the command line keeps.

The names and the rules are those of the command `artifacta`, so that both reach the same store. This is the one file
that reads the environment.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os.path import expanduser, isabs, join

from ._core.errors import invalid
from ._core.messages import require_text

_SOCKET_PATH_BYTES_MAX = 103 if sys.platform == "darwin" else 107
_TOKEN_BYTES_MAX = 16 * 1024
_KEPT = ("url", "token-file", "data-dir", "namespace")
_WORD = re.compile(r"[\x21-\x7e]+")

Token = str | Callable[[], str]
"""The bearer token, or a function that returns it, which is called for each call: tokens are replaced."""


@dataclass(frozen=True)
class Place:
    """The store of this user: a data directory and its socket."""

    data_dir: str
    socket: str


@dataclass(frozen=True)
class Tls:
    """Files in PEM for `grpcs:`. None: those of the system, and no certificate of our own."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Settings:
    """The settings in force."""

    url: str | None
    place: Place | None
    """Set exactly if `url` is not."""
    token: Token | None
    namespace: str | None
    tls: Tls


def read_settings(
    url: str | None,
    token: Token | None,
    namespace: str | None,
    data_dir: str | os.PathLike[str] | None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """Returns the settings. Raises InvalidArgument that names the setting, and shows no secret."""
    source = _Source(os.environ if env is None else env)
    directory = None if data_dir is None else os.fspath(data_dir)
    if url is not None and directory is not None:
        raise invalid("url", "cannot be given together with data_dir; give only one of them")
    where = url if directory is None else None
    place = None
    if where is None:
        # What is named in a stronger way counts: a data directory over a URL.
        strengths = [source.strength("ARTIFACTA_URL", "url"), source.strength("ARTIFACTA_DATA_DIR", "data-dir")]
        if directory is None and strengths[0] >= max(strengths[1], 1):
            where = source.text("ARTIFACTA_URL", "url")
    if where is None:
        place = source.place(directory)
    return Settings(where, place, source.token(token), source.namespace(namespace), source.tls())


class _Source:
    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.kept_path, self.kept = self._kept()

    def strength(self, variable: str, kept: str) -> int:
        return 2 if self.env.get(variable) else 1 if kept in self.kept else 0

    def text(self, variable: str, kept: str | None = None) -> str | None:
        return self.env.get(variable) or (None if kept is None else self.kept.get(kept))

    def home(self) -> str | None:
        home = self.env.get("HOME", "")
        found = home if isabs(home) else expanduser("~")
        return found if isabs(found) else None

    def path(self, text: str | None) -> str | None:
        if not text:
            return None
        if re.match(r"~[^/]", text):
            start = text.split("/")[0]
            raise invalid("path", f"must not begin with {start}: write the path in full, or begin it with ~/")
        home = self.home()
        if text.startswith("~") and home is not None:
            text = home + text[1:]
        return os.path.abspath(text)

    def xdg(self, variable: str, *below_home: str) -> str | None:
        path = self.path(self.env.get(variable)) if isabs(self.env.get(variable, "")) else None
        home = self.home()
        return path or (join(home, *below_home) if home and below_home else None)

    def place(self, given: str | None) -> Place:
        data_dir = self.path(given) or self.path(self.text("ARTIFACTA_DATA_DIR", "data-dir"))
        if data_dir is None:
            above = self.xdg("XDG_DATA_HOME", ".local", "share")
            if above is None:
                raise invalid(
                    "data_dir",
                    "is required, because this user has no home directory; or give the URL of a service",
                )
            data_dir = join(above, "artifacta")
        return Place(data_dir, self.path(self.text("ARTIFACTA_SOCKET")) or self._socket(data_dir))

    def _socket(self, data_dir: str) -> str:
        usual = join(data_dir, "run", "sock")
        if len(os.fsencode(usual)) <= _SOCKET_PATH_BYTES_MAX:
            return usual
        name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:32]
        runtime = self.xdg("XDG_RUNTIME_DIR")
        if runtime is not None:
            return join(runtime, "artifacta", name)
        return join(self.env.get("TMPDIR", "/tmp").rstrip("/") or "/", f"artifacta-{os.getuid()}", name)

    def token(self, given: Token | None) -> Token | None:
        if callable(given):
            return given
        if given is not None:
            return checked_token("token", given)
        variable = self.env.get("ARTIFACTA_TOKEN")
        path = self.path(self.text("ARTIFACTA_TOKEN_FILE", "token-file"))
        if variable and self.env.get("ARTIFACTA_TOKEN_FILE"):
            raise invalid("ARTIFACTA_TOKEN_FILE", "cannot be given together with ARTIFACTA_TOKEN; give one of them")
        if variable:
            return checked_token("ARTIFACTA_TOKEN", variable)
        return None if path is None else read_token_file(path)

    def namespace(self, given: str | None) -> str | None:
        namespace = given or self.text("ARTIFACTA_NAMESPACE", "namespace")
        if namespace is not None and not re.fullmatch(r"[a-z0-9-]{1,63}", namespace):
            raise invalid("namespace", "must be 1 to 63 lower-case letters, digits and '-'")
        return namespace

    def tls(self) -> Tls:
        names = ("ARTIFACTA_TLS_CA", "ARTIFACTA_TLS_CLIENT_CERT", "ARTIFACTA_TLS_CLIENT_KEY")
        return Tls(*(self.path(self.env.get(name)) for name in names))

    def _kept(self) -> tuple[str, dict[str, str]]:
        above = self.xdg("XDG_CONFIG_HOME", ".config")
        if above is None:
            return "", {}
        path = join(above, "artifacta", "config.json")
        if not os.path.exists(path):
            return path, {}
        import json

        try:
            with open(path, encoding="utf-8") as file:
                kept = json.load(file)
        except OSError:
            return path, {}
        except ValueError:
            raise invalid(path, "must be JSON; correct it, or remove it") from None
        if not isinstance(kept, dict) or not all(name in _KEPT and isinstance(kept[name], str) for name in kept):
            raise invalid(path, f"must be one JSON object with texts for {', '.join(_KEPT)}")
        return path, kept


def checked_token(field: str, token: str) -> str:
    """Returns the token without the white space around it. The error does not show it."""
    text = require_text(field, token).strip()
    if not _WORD.fullmatch(text):
        raise invalid(field, "must be one token: printable ASCII characters without spaces")
    return text


def read_token_file(path: str) -> str:
    """Returns the token in a file. Raises InvalidArgument also if other users can write to it."""
    field = "ARTIFACTA_TOKEN_FILE"
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise invalid(field, f"{path} must be a regular file")
            if status.st_uid not in (0, os.getuid()):
                raise invalid(field, f"{path} must not belong to another user")
            if status.st_mode & 0o022:
                raise invalid(field, f"{path} must not be writable by other users; chmod 600 makes it private")
            content = file.read(_TOKEN_BYTES_MAX + 1)
    except OSError as error:
        raise invalid(field, f"{path} cannot be read: {error.strerror}") from None
    if len(content) > _TOKEN_BYTES_MAX:
        raise invalid(field, f"{path} must have at most {_TOKEN_BYTES_MAX} bytes")
    try:
        return checked_token(field, content.decode("ascii"))
    except ValueError:
        raise invalid(field, f"{path} must contain one token") from None
