"""`python -m artifacta_client`, as scripts use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import Service, clean_environment

SOURCES = str(Path(__file__).resolve().parents[1] / "src")


def run(service: Service, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = clean_environment(PYTHONPATH=SOURCES, ARTIFACTA_URL=service.url)
    command = [sys.executable, "-m", "artifacta_client", *arguments]
    return subprocess.run(command, input=given, capture_output=True, env=environment, check=False, timeout=120)


def test_pushes_lists_shows_and_pulls(service: Service, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"total": 42}')
    pushed = run(service, "push", str(path), "--session", "commands", "--meta", "agent=a", "step=1", "--json")
    made = json.loads(pushed.stdout)
    assert (made["name"], made["metadata"], made["pushed"]) == ("report.json", {"agent": "a", "step": "1"}, "new")
    run(service, "push", "-", "--session", "commands", "--name", "from-stdin", given=b"\x00\xff")
    listed = run(service, "ls", "commands", "--json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in listed] == ["from-stdin", "report.json"]
    assert run(service, "pull", "commands/from-stdin", "--to", "-").stdout == b"\x00\xff"
    pulled = run(service, "pull", made["id"], "--to", str(tmp_path / "copy"), "--json")
    assert json.loads(pulled.stdout) == {"path": str(tmp_path / "copy")}
    assert (tmp_path / "copy").read_text() == '{"total": 42}'
    assert b"commands" in run(service, "ls").stdout


def test_json_has_what_that_of_the_command_has(service: Service, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    run(service, "push", str(tmp_path / "a.txt"), "--session", "compared", "--meta", "k=v")
    for kind, arguments in (("artifact", ("show", "compared/a.txt")), ("session", ("ls", "--limit", "1"))):
        mine = json.loads(run(service, *arguments, "--json").stdout.splitlines()[0])
        theirs = json.loads(service.run(*arguments, "--json").splitlines()[0])
        different = {key for key in theirs if mine.get(key) != theirs[key]} - {"retention"}
        assert different == set(), kind


def test_failures(service: Service, tmp_path: Path) -> None:
    failed = run(service, "show", "commands/none", "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stderr)["error"]["code"] == "NOT_FOUND"
    assert run(service, "push", str(tmp_path / "none"), "--session", "s").stderr.endswith(
        b"No such file or directory\n"
    )
    assert run(service, "push").returncode == 2
    assert b"--name is required" in run(service, "push", "-", "--session", "s").stderr
    assert b"KEY=VALUE" in run(service, "push", "-", "--session", "s", "--name", "n", "--meta", "k").stderr
