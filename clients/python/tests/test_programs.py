"""What goes wrong in the program around the client: signals, forks, streams that are left open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import Service, clean_environment


class TestPrograms:
    """Programs of their own, which say on standard output what happened."""

    def run(self, service: Service, code: str, *arguments: str, dev: bool = True) -> subprocess.CompletedProcess[str]:
        environment = clean_environment(PYTHONPATH=str(Path(__file__).resolve().parents[1] / "src"))
        prelude = "import os, sys\nfrom artifacta_client import aio, connect, errors\nurl = sys.argv[1]\n"
        command = [sys.executable, *(["-X", "dev", "-W", "error"] if dev else []), "-c", prelude + code]
        return subprocess.run(
            [*command, service.url, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env=environment,
            check=False,
        )

    @pytest.mark.parametrize(
        "what",
        [
            "events = session.watch(); next(events)",
            "file = session.open('a'); file.read(10)",
            "found = session.query(); next(found)",
            "threading.Thread(target=lambda: list(session.watch()), daemon=True).start()",
        ],
    )
    def test_the_interpreter_ends_with_a_stream_open(self, service: Service, what: str) -> None:
        code = "import threading\nsession = connect(url).session()\nsession.push(os.urandom(3_000_000), 'a')\n"
        ended = self.run(service, f"{code}{what}\nprint('end')")
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")

    def test_no_thread_is_within_grpc_when_the_interpreter_ends(self, service: Service) -> None:
        code = """
import atexit, threading, time
from artifacta_client import _exits
# What is registered first runs last.
atexit.unregister(_exits._end)
atexit.register(lambda: print(_exits.threads_inside()))
atexit.register(_exits._end)
begun = threading.Event()
def watch():
    for _event in session.watch():
        begun.set()
session = connect(url).session()
session.push(b"a", "a")
threading.Thread(target=watch, daemon=True).start()
begun.wait()
while not _exits.threads_inside(): time.sleep(0)
print('end')
"""
        ended = self.run(service, code)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n0\n", "")

    def test_the_interpreter_ends_with_a_stream_of_asyncio_open(self, service: Service) -> None:
        code = (
            "import asyncio\nasync def main():\n  session = aio.connect(url).session()\n"
            "  await session.push(os.urandom(3_000_000), 'a')\n  events = session.watch()\n"
            "  await events.__anext__()\n  file = await session.open('a')\n  await file.read(10)\n  print('end')\n"
            "asyncio.run(main())"
        )
        ended = self.run(service, code, dev=False)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "end\n", "")

    @pytest.mark.parametrize(
        "what",
        [
            "session.push(endless(), 'n')",
            "session.push(silent(), 'n')",
            "for event in session.watch(): interrupt()",
            "interrupt(); session.wait()",
        ],
    )
    def test_an_interrupt_from_the_keyboard_cancels_the_session(self, service: Service, what: str) -> None:
        # The source interrupts the program once it is read: nothing waits for a time to pass.
        code = f"""
import signal, threading
# A shell lets its programs in the background ignore this signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
def endless():
    for number in range(10**9):
        yield bytes(1_000_000)
        if number == 5: interrupt()
def silent():
    yield bytes(1_000_000)
    interrupt()
    threading.Event().wait(100)
try:
    with connect(url) as store, store.session() as session:
        session.push("x", "x")
        {what}
except KeyboardInterrupt:
    with connect(url) as store:
        print(session.outcome, [one.name for one in store.query(session=session.id)])
"""
        ended = self.run(service, code)
        assert (ended.stdout, ended.stderr) == ("CANCELLED ['x']\n", "")

    def test_a_task_that_is_cancelled_cancels_the_session(self, service: Service) -> None:
        code = """
import asyncio
async def main():
    async with aio.connect(url) as store:
        session = store.session()
        begun = asyncio.Event()
        async def content():
            yield bytes(1_000_000)
            begun.set()
            await asyncio.sleep(100)
        async def run():
            async with session:
                await session.push(content(), 'n')
        task = asyncio.create_task(run())
        await begun.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            print(session.outcome, [one async for one in session.query()])
asyncio.run(main())
"""
        # Without the development mode, in which asyncio complains of a machine that is slow.
        ended = self.run(service, code, dev=False)
        assert (ended.stdout, ended.stderr) == ("CANCELLED []\n", "")

    def test_a_task_is_cancelled_while_a_thread_asks_its_generator(self, service: Service) -> None:
        code = """
import asyncio, threading
async def main():
    async with aio.connect(url) as store:
        loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        def content():
            yield bytes(1_000_000)
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(100)
            yield b""
        task = asyncio.create_task(store.session("cancelled-asking").push(content(), "n"))
        await begun.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            print("cancelled")
        finally:
            go_on.set()
asyncio.run(main())
"""
        # Without the development mode, in which asyncio complains of a machine that is slow.
        ended = self.run(service, code, dev=False)
        assert (ended.stdout, ended.stderr) == ("cancelled\n", "")

    def test_a_store_is_closed_while_another_thread_pushes(self, service: Service) -> None:
        code = """
import threading
store = connect(url)
begun = threading.Event()
def content():
    for number in range(10**9):
        yield bytes(1_000_000)
        if number == 3: begun.set()
def push():
    try:
        store.session("closed-under").push(content(), "n")
    except errors.CallCancelled as error:
        print(error)
thread = threading.Thread(target=push)
thread.start()
begun.wait()
store.close()
thread.join()
"""
        ended = self.run(service, code)
        assert (ended.stdout, ended.stderr) == ("the store was closed\n", "")

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    def test_a_fork_after_connect(self, service: Service) -> None:
        code = """
with connect(url) as store:
    session = store.session()
    session.push("parent", "a")
    child = os.fork()
    if child == 0:
        session.push(os.urandom(1_000_000), "b")
        with connect(url) as own:
            own.session(session.id).push("own", "c")
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    session.push("parent", "d")
    print([one.name for one in session.query(order="oldest")])
"""
        ended = self.run(service, code, dev=False)
        assert ended.stdout == "0\n['a', 'b', 'c', 'd']\n", ended.stderr

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
    def test_a_fork_says_so_where_grpc_does_not_work_any_more(self) -> None:
        # Without a service: gRPC itself may hang in such a fork, in the parent too.
        code = """
from artifacta_client import _forks
_forks.opened(object())
child = os.fork()
if child == 0:
    try:
        connect(url).server_info()
    except errors.FailedPrecondition as error:
        print("spawn" in str(error), flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
        service = Service(None, Path(), "127.0.0.1:1", None, threading.Thread())  # type: ignore[arg-type]
        assert self.run(service, code, dev=False).stdout == "True\n"
