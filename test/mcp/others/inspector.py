"""The Inspector's command line as a client: each call is a process of its own, and so is each server over stdio."""

import asyncio
import json
from types import SimpleNamespace


class Inspector:
    """The parts of the client for Python that the scenario uses."""

    def __init__(self, command: str, target: list[str]) -> None:
        self._target = [command, "--cli", *target]

    async def call_tool(self, name: str, arguments: dict) -> SimpleNamespace:
        pairs = [f"{key}={_text(value)}" for key, value in arguments.items()]
        # The option takes all words that follow.
        result = await self._run("tools/call", "--tool-name", name, *(["--tool-arg", *pairs] if pairs else []))
        content = [SimpleNamespace(**part) for part in result["content"]]
        is_error = result.get("isError", False)
        return SimpleNamespace(is_error=is_error, content=content, structured_content=result.get("structuredContent"))

    async def list_tools(self) -> SimpleNamespace:
        # --strict ends with 6 if a schema cannot be used by all hosts.
        result = await self._run("tools/list", "--strict")
        return SimpleNamespace(tools=[SimpleNamespace(name=tool["name"]) for tool in result["tools"]])

    async def read_resource(self, uri: str) -> SimpleNamespace:
        result = await self._run("resources/read", "--uri", uri)
        return SimpleNamespace(contents=[SimpleNamespace(**part) for part in result["contents"]])

    async def _run(self, method: str, *options: str) -> dict:
        process = await asyncio.create_subprocess_exec(
            *self._target,
            "--method",
            method,
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        # 5: the tool answered with an error.
        assert process.returncode in (0, 5), (process.returncode, out, err)
        return json.loads(out)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
