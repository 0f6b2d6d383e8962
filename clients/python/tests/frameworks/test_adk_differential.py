"""Google ADK: sequences of calls, made by chance, on this service and on ADK's own in memory. Answers must be equal.

What is translated, and said in docs/frameworks.md: versions after a deletion, which go on counting here; the canonical
URI and the time; the media type of a reference, which is known here.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from conftest import Service

pytest.importorskip("google.adk")
pytestmark = pytest.mark.filterwarnings("default")

from google.adk.artifacts import InMemoryArtifactService, artifact_util
from google.genai import types

from artifacta_client.adk import ArtifactaArtifactService

SEQUENCES = 12
STEPS = 60
FILENAMES = ["a.txt", "dir/a", "../x", "a//b", "user:shared", "user:../x", "ü", "u\u0308", "100%", "%25", "nul\0"]
CALLS = ["save"] * 5 + ["refer", "load", "load", "load_version", "keys", "versions", "all", "one", "delete"]


class Both:
    """The two services, and how many versions of each name were deleted: by so many ours are ahead."""

    def __init__(self, ours: Any, user_id: str, chance: random.Random) -> None:
        self.ours, self.theirs = ours, InMemoryArtifactService()
        self.user_id, self.chance = user_id, chance
        self.ahead: Counter[tuple[str, str | None, str]] = Counter()

    def place(self) -> tuple[dict[str, Any], tuple[str, str | None, str]]:
        filename = self.chance.choice(FILENAMES)
        app, session = self.chance.choice(["app", "app 2"]), self.chance.choice(["s", "s 2", "S"])
        at = {"app_name": app, "user_id": self.user_id, "session_id": session, "filename": filename}
        is_of_user = filename.startswith("user:")
        if is_of_user and self.chance.random() < 0.3:
            at["session_id"] = None
        return at, (app, None if is_of_user else session, filename)

    def part(self) -> Any:
        text = self.chance.choice(["", "one", "two", "x" * 70_000])
        return self.chance.choice(
            [
                types.Part(text=text),
                types.Part(text=text, thought=True),
                types.Part(inline_data=types.Blob(data=text.encode(), mime_type="image/png")),
                types.Part(inline_data=types.Blob(data=b"", mime_type="application/octet-stream")),
                types.Part(inline_data=types.Blob(data=b"d", mime_type="a/b; c=d", display_name="n")),
                types.Part(file_data=types.FileData(file_uri="gs://b/o", mime_type="a/b")),
                types.Part(),
                {"text": text},
            ]
        )

    async def step(self) -> tuple[str, Any, Any]:
        call, (at, key) = self.chance.choice(CALLS), self.place()
        return call, *await getattr(self, call)(at, key)

    async def both(self, name: str, at: dict[str, Any], ours: dict[str, Any] | None = None) -> tuple[Any, Any]:
        return await answer(self.ours, name, {**at, **(ours or {})}), await answer(self.theirs, name, at)

    async def save(self, at: dict[str, Any], key: Any, part: Any = None) -> tuple[Any, Any]:
        custom = self.chance.choice([None, {}, {"k": "v", "n": [1]}])
        arguments = {**at, "artifact": part or self.part(), "custom_metadata": custom}
        ours, theirs = await self.both("save_artifact", arguments)
        return self.back(ours, key), theirs

    def back(self, version: Any, key: Any) -> Any:
        return version - self.ahead[key] if isinstance(version, int) else version

    async def refer(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        # To what exists: a reference to what is stored later, or deleted later, differs.
        versions = await self.theirs.list_versions(**at)
        if not versions or at["session_id"] is None:
            return None, None
        version = self.chance.choice(versions)
        to = {name: value for name, value in at.items() if name != "filename"}
        target = "copy of " + at["filename"] if not at["filename"].startswith("user:") else "user:copy"
        answers = []
        for service, number in ((self.ours, version + self.ahead[key]), (self.theirs, version)):
            uri = artifact_util.get_artifact_uri(
                filename=at["filename"], version=number, **{**to, "session_id": key[1]}
            )
            part = types.Part(file_data=types.FileData(file_uri=uri))
            answers.append(await answer(service, "save_artifact", {**to, "filename": target, "artifact": part}))
            answers.append(await answer(service, "load_artifact", {**to, "filename": target}))
        return answers[1], answers[3]

    async def load(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        del key
        return await self.both("load_artifact", at)

    async def load_version(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        version = self.chance.randrange(-1, 4)
        theirs = {**at, "version": version}
        ours = version + self.ahead[key] if version >= 0 else version
        return await self.both("load_artifact", theirs, {"version": ours})

    async def keys(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        del key
        return await self.both("list_artifact_keys", {name: at[name] for name in at if name != "filename"})

    async def versions(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        ours, theirs = await self.both("list_versions", at)
        return [self.back(version, key) for version in ours], theirs

    async def all(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        ours, theirs = await self.both("list_artifact_versions", at)
        return [self.told(one, key) for one in ours], [self.told(one, None) for one in theirs]

    async def one(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        ours, theirs = await self.both("get_artifact_version", at)
        return ours and self.told(ours, key), theirs and self.told(theirs, None)

    def told(self, version: Any, key: Any) -> Any:
        number = version.version if key is None else self.back(version.version, key)
        return number, version.custom_metadata, version.mime_type

    async def delete(self, at: dict[str, Any], key: Any) -> tuple[Any, Any]:
        self.ahead[key] += len(await self.theirs.list_versions(**at))
        return await self.both("delete_artifact", at)


async def answer(service: Any, name: str, arguments: dict[str, Any]) -> Any:
    try:
        return await getattr(service, name)(**arguments)
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_the_answers_are_equal(service: Service, seed: int) -> None:
    ours = ArtifactaArtifactService(f"artifacta://{service.address}")
    both = Both(ours, ours.store.session().id, random.Random(seed))

    async def work() -> None:
        for number in range(STEPS):
            call, mine, its = await both.step()
            assert mine == its, (seed, number, call)

    asyncio.run(work())
    ours.close()
