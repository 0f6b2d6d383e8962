"""The package itself: what it loads, what it generates, and that both faces have the same names."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, Service, clean_environment

import artifacta_client
from artifacta_client import _local, aio, errors
from artifacta_client._sync import files as sync_files

CLIENT = Path(__file__).resolve().parents[1]


def run(code: str) -> str:
    environment = clean_environment(PYTHONPATH=str(CLIENT / "src"))
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def test_the_version_is_that_of_the_repository() -> None:
    assert artifacta_client.__version__ == json.loads((ROOT / "package.json").read_text())["version"]


def test_the_names_of_what_to_install_are_those_of_the_packages() -> None:
    names = json.loads((ROOT / "scripts/package/names.json").read_text())
    assert f"pip ({names['pip']})" in _local._INSTALL
    assert f"npm ({names['npm']})" in _local._INSTALL


def test_the_blocking_classes_are_those_for_asyncio() -> None:
    subprocess.run([sys.executable, "generate.py", "--faces", "--check"], check=True, cwd=CLIENT)


@pytest.mark.parametrize("name", ["Store", "Session", "connect"])
def test_both_faces_have_the_same_names_and_arguments(name: str) -> None:
    one, other = getattr(artifacta_client, name), getattr(aio, name)
    if inspect.isfunction(one):
        assert arguments(one) == arguments(other)
        return
    for member in dir(other):
        if not member.startswith("_") and inspect.isfunction(getattr(other, member)):
            assert arguments(getattr(one, member)) == arguments(getattr(other, member)), member
    assert [each for each in dir(one) if each[0] != "_"] == [each for each in dir(other) if each[0] != "_"]


def arguments(function: Any) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


def test_the_table_of_calls_has_their_names() -> None:
    rows = [line.split(" | ") for line in (ROOT / "docs" / "clients.md").read_text().splitlines() if line[:1] == "|"]
    table = "\n".join(cells[1] for cells in rows if len(cells) > 1)
    named = re.findall(r"`(?:with )?(store|session)\.(\w+)\(", table)
    assert {name for _, name in named} >= {"push", "pull", "open", "watch", "wait", "sessions", "server_info"}
    for kind, name in named:
        assert hasattr({"store": artifacta_client.Store, "session": artifacta_client.Session}[kind], name), name
    for member in (*dir(artifacta_client.Store), *dir(artifacta_client.Session)):
        assert member.startswith("_") or re.search(rf"\b{member}\b", table), f"docs/clients.md has no {member}"


def test_every_public_name_can_be_imported_and_has_a_doc() -> None:
    for name in artifacta_client.__all__:
        found = getattr(artifacta_client, name)
        assert name == "__version__" or inspect.getdoc(found), name
    assert set(artifacta_client.__all__) <= set(dir(artifacta_client))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = artifacta_client.nothing
    assert issubclass(errors.SessionSealed, artifacta_client.ArtifactaError)


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    heavy = "('pandas', 'pyarrow', 'numpy', 'tqdm', 'fsspec', 'google.adk', 'subprocess', 'uuid', 'urllib.parse')"
    code = (
        f"import sys, artifacta_client\nprint([name for name in {heavy} if name in sys.modules], 'grpc' in sys.modules)"
    )
    assert run(code) == "[] False\n"
    code = (
        f"import sys, grpc\nbefore = set(sys.modules)\nfrom artifacta_client import connect\n"
        f"print([name for name in {heavy} if name in sys.modules and name not in before])"
    )
    assert run(code) == "[]\n"


def test_it_shadows_nothing() -> None:
    code = "import artifacta_client.aio, sys\nprint('artifacta' in sys.modules, sys.modules['grpc'].__file__)"
    said = run(code)
    assert said.startswith("False")
    assert "_pb" not in said


def test_progress_true_needs_no_tqdm(service: Service) -> None:
    code = (
        "import sys\nsys.modules['tqdm'] = None\nfrom artifacta_client import connect\n"
        f"with connect({service.url!r}) as store:\n"
        "    print(store.session().push(bytes(1_000_000), 'a', progress=True).size_bytes)"
    )
    assert run(code) == "1000000\n"


def test_progress_true_shows_a_bar_of_tqdm(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    with artifacta_client.connect(service.url) as store:
        store.session().push(bytes(1_000_000), "a.bin", progress=True)
    assert "a.bin: sending: 100%" in capsys.readouterr().err


def test_a_file_is_what_libraries_take_for_one(service: Service) -> None:
    with artifacta_client.connect(service.url) as store, store.session() as session:
        session.push(b"abc", "data/a.bin")
        with session.open("data/a.bin") as file:
            assert isinstance(file.raw, sync_files.ArtifactFile)
            assert (file.readable(), file.seekable(), file.writable(), file.name) == (True, True, False, "data/a.bin")
