"""Google ADK: its artifact service on a real service, its registry, its runner, and what its own tests check."""

from __future__ import annotations

import asyncio
import base64
import textwrap
from pathlib import Path
from typing import Any

import pytest
from conftest import Service

pytest.importorskip("google.adk")
pytestmark = pytest.mark.filterwarnings("default")

from google.adk.artifacts import artifact_util
from google.adk.cli import service_registry
from google.adk.errors.input_validation_error import InputValidationError
from google.genai import types

import artifacta_client
from artifacta_client import errors
from artifacta_client._adk.names import filename_of, name_of, session_of
from artifacta_client.adk import ArtifactaArtifactService, register

DATA = types.Part.from_bytes(data=b"test_data", mime_type="text/plain")


@pytest.fixture
def adk(service: Service) -> Any:
    made = ArtifactaArtifactService(f"artifacta://{service.address}")
    yield made
    made.close()


@pytest.fixture
def at(adk: Any) -> dict[str, str]:
    """A place of its own for each test."""
    return {"app_name": "app", "user_id": adk.store.session().id, "session_id": "s 1"}


def run(coroutine: Any) -> Any:
    # A loop for each call: ADK's own runner does so, too.
    return asyncio.run(coroutine)


class TestWhatTheTestsOfAdkCheck:
    def test_nothing_is_there(self, adk: Any, at: dict[str, str]) -> None:
        assert run(adk.load_artifact(**at, filename="f")) is None
        assert run(adk.list_artifact_keys(**at)) == []
        assert run(adk.list_versions(**at, filename="f")) == []
        assert run(adk.list_artifact_versions(**at, filename="f")) == []
        assert run(adk.get_artifact_version(**at, filename="f")) is None
        run(adk.delete_artifact(**at, filename="f"))

    def test_save_load_delete(self, adk: Any, at: dict[str, str]) -> None:
        assert run(adk.save_artifact(**at, filename="f", artifact=DATA)) == 0
        assert run(adk.load_artifact(**at, filename="f")) == DATA
        assert run(adk.load_artifact(**{**at, "session_id": "other"}, filename="f")) is None
        assert run(adk.load_artifact(**at, filename="f", version=1)) is None
        assert run(adk.load_artifact(**at, filename="f", version=-1)) is None
        run(adk.delete_artifact(**at, filename="f"))
        assert run(adk.load_artifact(**at, filename="f")) is None
        assert run(adk.list_artifact_keys(**at)) == []

    def test_keys_and_versions(self, adk: Any, at: dict[str, str]) -> None:
        names = [f"filename{number}" for number in range(5)]
        for name in names:
            run(adk.save_artifact(**at, filename=name, artifact=DATA))
        assert run(adk.list_artifact_keys(**at)) == names
        for number in range(1, 4):
            assert run(adk.save_artifact(**at, filename="filename0", artifact=DATA)) == number
        assert run(adk.list_versions(**at, filename="filename0")) == [0, 1, 2, 3]

    def test_custom_metadata(self, adk: Any, at: dict[str, str]) -> None:
        custom = {"text": "ü", "number": 1.5, "list": [1, {"a": None}]}
        run(adk.save_artifact(**at, filename="f", artifact=DATA, custom_metadata=custom))
        run(adk.save_artifact(**at, filename="f", artifact=types.Part(text="t")))
        first, second = run(adk.list_artifact_versions(**at, filename="f"))
        assert (first.version, first.custom_metadata, first.mime_type) == (0, custom, "text/plain")
        assert (second.version, second.custom_metadata) == (1, {})
        assert first.create_time <= second.create_time
        assert run(adk.get_artifact_version(**at, filename="f", version=0)) == first
        assert run(adk.get_artifact_version(**at, filename="f")) == second
        assert first.canonical_uri.startswith("artifacta://adk.app.s_1.")
        with pytest.raises(InputValidationError, match="JSON"):
            run(adk.save_artifact(**at, filename="f", artifact=DATA, custom_metadata={"a": object()}))

    def test_user_names_are_shared_by_the_sessions(self, adk: Any, at: dict[str, str]) -> None:
        other = {**at, "session_id": "other"}
        run(adk.save_artifact(**at, filename="user:f", artifact=DATA))
        run(adk.save_artifact(**at, filename="f", artifact=types.Part(text="of the session")))
        assert run(adk.load_artifact(**other, filename="user:f")) == DATA
        assert run(adk.load_artifact(**{**at, "session_id": None}, filename="user:f")) == DATA
        assert run(adk.list_artifact_keys(**other)) == ["user:f"]
        assert run(adk.list_artifact_keys(**at)) == ["f", "user:f"]
        assert run(adk.list_artifact_keys(**{**at, "session_id": None})) == ["user:f"]
        assert run(adk.load_artifact(**{**at, "user_id": "x"}, filename="user:f")) is None

    def test_what_adk_refuses(self, adk: Any, at: dict[str, str]) -> None:
        with pytest.raises(InputValidationError):
            run(adk.save_artifact(**{**at, "session_id": None}, filename="f", artifact=DATA))
        with pytest.raises(InputValidationError):
            run(adk.save_artifact(**{**at, "user_id": "../x"}, filename="f", artifact=DATA))
        with pytest.raises(InputValidationError):
            run(adk.save_artifact(**at, filename="f", artifact=types.Part()))
        bad = types.Part(file_data=types.FileData(file_uri="artifact://nonsense"))
        with pytest.raises(InputValidationError, match="reference"):
            run(adk.save_artifact(**at, filename="f", artifact=bad))
        with pytest.raises(InputValidationError):
            run(adk.list_artifact_keys(app_name="", user_id="u", session_id="s"))


class TestParts:
    @pytest.mark.parametrize(
        "part",
        [
            types.Part(text=""),
            types.Part(text="ü\n", thought=True, part_metadata={"k": [1]}),
            types.Part(inline_data=types.Blob(data=b"", mime_type="image/png", display_name="ü.png")),
            types.Part(inline_data=types.Blob(data=b"\0\xff", mime_type=None)),
            types.Part(inline_data=types.Blob(data=b"x", mime_type="no media type")),
            types.Part(inline_data=types.Blob(data=b"x", mime_type="text/csv; header=present")),
            types.Part(file_data=types.FileData(file_uri="gs://b/" + "o" * 3_000, mime_type="a/b")),
            types.Part(text="x", part_metadata={"long": "y" * 3_000}),
            types.Part(inline_data=types.Blob(data=bytes(3_000_000), mime_type="a/b"), thought_signature=b"\xfe\xff"),
        ],
    )
    def test_come_back_as_they_were(self, adk: Any, at: dict[str, str], part: types.Part) -> None:
        run(adk.save_artifact(**at, filename="f", artifact=part))
        assert run(adk.load_artifact(**at, filename="f")) == part

    def test_dicts_are_parts_too(self, adk: Any, at: dict[str, str]) -> None:
        part = {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"test_data").decode()}}
        run(adk.save_artifact(**at, filename="f", artifact=part))
        assert run(adk.load_artifact(**at, filename="f")) == DATA

    def test_what_another_program_pushed(self, adk: Any, at: dict[str, str]) -> None:
        adk.session(**at).push({"a": 1}, "made/by hand.json")
        found = run(adk.load_artifact(**at, filename="made/by hand.json"))
        assert (found.inline_data.data, found.inline_data.mime_type) == (b'{"a":1}', "application/json")


NAMES = [
    "a.txt", "dir/a.txt", "../up", "a//b", "/a", "a/", "/", ".", "..", "a/./b", "100%", "%2E", "%", "a\\b", "tab\t",
    "line\n", "nul\0", "ü", "u\u0308", "u\u0308%", "\u202egnp.exe", "\ud800", "user:f", "user:", "q\"'*?[x]", " ",
    "日本/語",
]  # fmt: skip


class TestNames:
    def test_every_filename_has_a_name_of_its_own_and_comes_back(self) -> None:
        assert [filename_of(name_of(name)) for name in NAMES] == NAMES
        assert len({name_of(name) for name in NAMES}) == len(NAMES)
        assert name_of("reports/ü 1.txt") == "reports/ü 1.txt"

    def test_the_service_takes_them_all(self, adk: Any, at: dict[str, str]) -> None:
        for name in NAMES:
            run(adk.save_artifact(**at, filename=name, artifact=types.Part(text=ascii(name))))
        assert run(adk.list_artifact_keys(**at)) == sorted(NAMES)
        for name in NAMES:
            assert run(adk.load_artifact(**at, filename=name)).text == ascii(name)

    def test_one_that_is_too_long_is_refused(self, adk: Any, at: dict[str, str]) -> None:
        with pytest.raises(errors.InvalidArgument, match="name"):
            run(adk.save_artifact(**at, filename="x" * 300, artifact=DATA))

    def test_sessions_are_told_apart(self) -> None:
        keys = [
            ("a", "b", "c"),
            ("a", "b", None),
            ("a", "b", "user"),
            ("a.b", "c", "d"),
            ("a", "b.c", "d"),
            ("ü" * 200, "ü", "\0"),
        ]
        ids = [session_of(*key) for key in keys]
        assert len(set(ids)) == len(keys)
        assert max(map(len, ids)) <= 128
        assert ids[0].startswith("adk.a.c.")
        assert ids[0] == session_of("a", "b", "c")


class TestSessions:
    def test_carry_what_adk_calls_them(self, adk: Any, at: dict[str, str]) -> None:
        run(adk.save_artifact(**at, filename="f", artifact=DATA))
        [found] = adk.store.query(metadata={"adk.user": at["user_id"]})
        assert (found.metadata["adk.app"], found.metadata["adk.session"]) == ("app", "s 1")
        assert (found.name, found.media_type) == ("f", "text/plain")

    def test_may_be_opened_and_sealed_by_the_program(self, adk: Any, at: dict[str, str], service: Service) -> None:
        id = adk.session(**at).id
        with artifacta_client.connect(service.url) as store:
            store.session(id, metadata={"pipeline": "p"}).begin()
        run(adk.save_artifact(**at, filename="f", artifact=DATA))
        assert adk.store.get(f"{id}/f").metadata["pipeline"] == "p"
        adk.session(**at).seal()
        with pytest.raises(errors.SessionSealed):
            run(adk.save_artifact(**at, filename="f", artifact=DATA))
        assert run(adk.load_artifact(**at, filename="f")) == DATA


class TestVersions:
    def test_save_after_delete_goes_on_counting(self, adk: Any, at: dict[str, str]) -> None:
        assert [run(adk.save_artifact(**at, filename="f", artifact=DATA)) for _ in range(3)] == [0, 1, 2]
        run(adk.delete_artifact(**at, filename="f"))
        assert run(adk.save_artifact(**at, filename="f", artifact=DATA)) == 3
        assert run(adk.list_versions(**at, filename="f")) == [3]
        assert run(adk.load_artifact(**at, filename="f", version=0)) is None

    def test_saves_at_once_get_versions_of_their_own(self, adk: Any, at: dict[str, str]) -> None:
        async def save() -> list[int]:
            saves = (adk.save_artifact(**at, filename="f", artifact=types.Part(text=f"{n}")) for n in range(8))
            return list(await asyncio.gather(*saves))

        assert sorted(run(save())) == list(range(8))

    def test_a_reference_is_a_copy_by_digest(
        self, adk: Any, at: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from artifacta_client._core import copying

        big = types.Part(inline_data=types.Blob(data=bytes(500_000), mime_type="image/png", display_name="d"))
        run(adk.save_artifact(**at, filename="f", artifact=big))
        run(adk.save_artifact(**at, filename="f", artifact=DATA))
        uri = artifact_util.get_artifact_uri(filename="f", version=0, **at)
        reference = types.Part(file_data=types.FileData(file_uri=uri))
        with monkeypatch.context() as patched:
            # No bytes are sent, whether the reference is saved or what it leads to.
            patched.delattr(copying, "Push")
            assert run(adk.save_artifact(**at, filename="f", artifact=reference)) == 2
            assert run(adk.save_artifact(**at, filename="g", artifact=big)) == 0
        assert run(adk.load_artifact(**at, filename="f")) == big
        run(adk.save_artifact(**at, filename="of another", artifact=reference, custom_metadata={"k": "v"}))
        run(adk.delete_artifact(**at, filename="f"))
        assert run(adk.load_artifact(**at, filename="of another")) == big
        assert run(adk.get_artifact_version(**at, filename="of another")).custom_metadata == {"k": "v"}

    def test_a_reference_to_nothing_and_in_a_circle(self, adk: Any, at: dict[str, str]) -> None:
        def reference(version: int) -> types.Part:
            uri = artifact_util.get_artifact_uri(filename="f", version=version, **at)
            return types.Part(file_data=types.FileData(file_uri=uri))

        run(adk.save_artifact(**at, filename="f", artifact=reference(1)))
        assert run(adk.load_artifact(**at, filename="f")) is None
        run(adk.save_artifact(**at, filename="g", artifact=reference(0)))
        elsewhere = artifact_util.get_artifact_uri(filename="f", version=0, **{**at, "user_id": "x"})
        with pytest.raises(InputValidationError, match="scope"):
            run(
                adk.save_artifact(**at, filename="f", artifact=types.Part(file_data=types.FileData(file_uri=elsewhere)))
            )

    def test_a_runner_rewinds(self, adk: Any, at: dict[str, str]) -> None:
        found = run(_rewound(adk, at["user_id"]))
        assert found == {"a.txt": "one", "b.txt": None}


async def _rewound(adk: Any, user_id: str) -> dict[str, str | None]:
    from google.adk.agents import BaseAgent
    from google.adk.events import Event, EventActions
    from google.adk.runners import Runner
    from google.adk.sessions import InMemorySessionService

    class Silent(BaseAgent):  # type: ignore[misc]
        async def _run_async_impl(self, ctx: Any) -> Any:  # noqa: ARG002
            return
            yield

    sessions = InMemorySessionService()
    runner = Runner(app_name="app", agent=Silent(name="silent"), session_service=sessions, artifact_service=adk)
    session = await sessions.create_session(app_name="app", user_id=user_id, session_id="s")
    at = {"app_name": "app", "user_id": user_id, "session_id": "s"}
    for invocation, name, text in (("1", "a.txt", "one"), ("2", "a.txt", "two"), ("2", "b.txt", "new")):
        version = await adk.save_artifact(**at, filename=name, artifact=types.Part(text=text))
        actions = EventActions(artifact_delta={name: version})
        await sessions.append_event(session, Event(author="user", invocation_id=invocation, actions=actions))
    await runner.rewind_async(user_id=user_id, session_id="s", rewind_before_invocation_id="2")
    loaded = {name: await adk.load_artifact(**at, filename=name) for name in ("a.txt", "b.txt")}
    return {name: None if part is None else part.text for name, part in loaded.items()}


class TestRegistry:
    @pytest.fixture(autouse=True)
    def _registry(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service_registry, "_service_registry_instance", None)

    def test_register(self, service: Service) -> None:
        assert service_registry.get_service_registry().create_artifact_service("artifacta://x") is None
        register()
        made = service_registry.get_service_registry().create_artifact_service(
            f"artifacta://{service.address}/default", agents_dir="/none"
        )
        assert isinstance(made, ArtifactaArtifactService)
        assert run(made.list_artifact_keys(app_name="a", user_id="nobody", session_id="s")) == []
        made.close()

    @pytest.mark.parametrize("kind", ["services.yaml", "services.py"])
    def test_beside_the_agents(
        self, service: Service, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        from google.adk.cli.utils.service_factory import create_artifact_service_from_options

        texts = {
            "services.py": "from artifacta_client.adk import register\nregister()\n",
            "services.yaml": """\
                services:
                  - scheme: artifacta
                    type: artifact
                    class: artifacta_client.adk.ArtifactaArtifactService
                """,
        }
        (tmp_path / kind).write_text(textwrap.dedent(texts[kind]))
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.delitem(sys.modules, "services", raising=False)
        service_registry.load_services_module(str(tmp_path))
        made = create_artifact_service_from_options(
            base_dir=tmp_path, artifact_service_uri=f"artifacta://{service.address}", strict_uri=True
        )
        assert isinstance(made, ArtifactaArtifactService)
        made.close()

    def test_uris_that_cannot_be_used(self) -> None:
        for uri in ("http://x", "artifacta://h/a/b", "artifacta://h?token=x", "artifacta://me@h"):
            with pytest.raises(errors.InvalidArgument, match="uri"):
                ArtifactaArtifactService(uri)
        made = ArtifactaArtifactService("artifacta://h:1/ns?tls=true")
        assert made.store._driver.context.place == "grpcs://h:1"
        made.close()
