"""One scenario by the MCP client for Python, over standard input and output or HTTP, in one era of the protocol; or by the
Inspector, whose command then stands in place of the era.

    python scenario.py MODE|INSPECTOR URL
    python scenario.py MODE|INSPECTOR COMMAND ARGUMENT…
"""

import asyncio
import os
import sys
from urllib.request import Request, urlopen

from inspector import Inspector
from mcp import Client, StdioServerParameters, stdio_client


async def scenario(client: Client | Inspector, directory: str | None, serves_http: bool) -> None:
    async def call(tool: str, /, **arguments):
        result = await client.call_tool(tool, arguments)
        assert not result.is_error, result.content
        return result.structured_content

    names = {tool.name for tool in (await client.list_tools()).tools}
    assert ("record_file" in names) == (directory is not None), names
    # A server that ends after each call would seal its default session.
    apart = {} if directory is None else {"as_default": False}
    session = (await call("open_session", metadata={"agent": "python"}, **apart))["session"]["id"]
    note = await call("push", session=session, name="a.txt", text="one\ntwo\n" * 100)
    if directory is not None:
        with open(os.path.join(directory, "table.csv"), "w") as file:
            file.write("id,value\n1,x\n")
        assert (await call("push", session=session, path="table.csv"))["effect"] == "new"
    if serves_http:
        ticket = (await call("push", session=session, name="big.csv", ticket=True))["ticket"]
        put = Request(ticket["uri"], b"id\n" * 1000, {"Content-Type": "text/csv"}, method="PUT")
        assert await asyncio.to_thread(lambda: urlopen(put).status) == 201
        pulled = (await call("pull", artifact=f"{session}/big.csv", ticket=True))["ticket"]
        assert await asyncio.to_thread(lambda: urlopen(pulled["uri"]).read()) == b"id\n" * 1000
        assert pulled["size"] == 3000
    found = await call("query", session=session, filter='metadata.agent = "python"')
    assert len(found["artifacts"]) == 1 + (directory is not None) + serves_http, found
    first = await call("read", artifact=note["artifact"]["id"], max_bytes=100)
    second = await call("read", cursor=first["next_cursor"], max_bytes=100)
    assert ("one\ntwo\n" * 100).startswith(first["content"] + second["content"])
    assert not (await call("wait_session", session=session, timeout_seconds=0.1))["sealed"]
    waiting = asyncio.create_task(call("wait_session", session=session))
    await call("seal_session", session=session, outcome="succeeded")
    assert (await waiting)["session"]["outcome"] == "succeeded"
    assert (await call("compare", base=session, session=session))["differences"] == []
    for arguments, expected in (
        ({"session": session, "name": "b", "text": "late"}, "SESSION_SEALED"),
        ({"session": session, "name": "b", "text": "x" * 8193}, "text: must be at most 8192 bytes"),
        ({"session": session, "path": "/etc/passwd"}, "path: must "),
    ):
        refused = await client.call_tool("push", arguments)
        assert refused.is_error and expected in refused.content[0].text, refused
    record = await client.read_resource(f"artifacta://session/{session}")
    assert "a.txt" in record.contents[0].text


async def main() -> None:
    mode, target, *arguments = sys.argv[1:]
    is_url = target.startswith("http")
    directory = None if is_url else arguments[arguments.index("--allow-path") + 1]
    serves_http = is_url or "--url" in arguments
    if mode.startswith("/"):
        target = [target, "--transport", "http"] if is_url else [target, *arguments]
        return await scenario(Inspector(mode, target), directory, serves_http)
    server = target if is_url else stdio_client(StdioServerParameters(command=target, args=arguments))
    async with Client(server, mode=mode) as client:
        await scenario(client, directory, serves_http)


asyncio.run(main())
