"""Artifacts as files: fsspec, pandas and pyarrow, against a real service."""

from __future__ import annotations

import asyncio
import inspect
import multiprocessing
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Service

pytest.importorskip("fsspec")

import fsspec

from artifacta_client import errors
from artifacta_client.fsspec import ArtifactaFileSystem

BIG = bytes(range(256)) * 20_000


def test_fsspec_finds_it_without_an_import_of_ours(service: Service) -> None:
    assert fsspec.get_filesystem_class("artifacta") is ArtifactaFileSystem
    fs, path = fsspec.url_to_fs("artifacta://run_1/a/b.txt", service_url=service.url)
    assert (type(fs), path) == (ArtifactaFileSystem, "run_1/a/b.txt")
    assert fs.unstrip_protocol(path) == "artifacta://run_1/a/b.txt"
    assert fsspec.filesystem("artifacta", service_url=service.url) is fs


def test_its_options_have_names_of_their_own() -> None:
    ours = set(inspect.signature(ArtifactaFileSystem.__init__).parameters) - {"self", "options"}
    for function in (fsspec.url_to_fs, fsspec.open, fsspec.open_files, fsspec.filesystem, fsspec.get_mapper):
        assert ours.isdisjoint(inspect.signature(function).parameters), function


class TestPandas:
    def test_csv_and_parquet(self, service: Service, fs: Any, run: str) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "ü"]})
        where = {"storage_options": {"service_url": service.url}}
        frame.to_csv(f"artifacta://{run}/t/orders.csv", index=False, **where)
        frame.to_parquet(f"artifacta://{run}/t/orders.parquet", **where)
        assert pandas.read_csv(f"artifacta://{run}/t/orders.csv", **where).equals(frame)
        assert pandas.read_parquet(f"artifacta://{run}/t/orders.parquet", **where).equals(frame)
        assert fs.info(f"{run}/t/orders.csv")["media_type"] == "text/csv"
        with pytest.raises(FileNotFoundError):
            pandas.read_csv(f"artifacta://{run}/none.csv", **where)

    def test_compressed(self, service: Service, run: str) -> None:
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": range(1_000)})
        where = {"storage_options": {"service_url": service.url}}
        frame.to_csv(f"artifacta://{run}/a.csv.gz", index=False, **where)
        assert pandas.read_csv(f"artifacta://{run}/a.csv.gz", **where).equals(frame)

    def test_a_writer_that_fails_stores_nothing(self, service: Service, fs: Any, run: str) -> None:
        pandas = pytest.importorskip("pandas")

        class Bad:
            def __str__(self) -> str:
                raise ZeroDivisionError

        frame = pandas.DataFrame({"a": ["x" * 100_000, Bad()]})
        with pytest.raises(ZeroDivisionError):
            frame.to_csv(f"artifacta://{run}/bad.csv", chunksize=1, storage_options={"service_url": service.url})
        assert not fs.exists(f"{run}/bad.csv")

    def test_a_partitioned_dataset(self, fs: Any, run: str) -> None:
        pyarrow = pytest.importorskip("pyarrow")
        dataset, parquet = pytest.importorskip("pyarrow.dataset"), pytest.importorskip("pyarrow.parquet")
        table = pyarrow.table({"k": ["a", "a", "b"], "n": [1, 2, 3]})
        parquet.write_to_dataset(table, f"{run}/set", partition_cols=["k"], filesystem=fs)
        assert [path.rpartition("/")[0] for path in fs.glob(f"{run}/set/*/*.parquet")] == [
            f"{run}/set/k=a",
            f"{run}/set/k=b",
        ]
        read = dataset.dataset(f"{run}/set", filesystem=fs, partitioning="hive").to_table()
        assert sorted(zip(read["k"].to_pylist(), read["n"].to_pylist(), strict=True)) == [("a", 1), ("a", 2), ("b", 3)]


class TestReading:
    def test_from_anywhere_by_ranges(self, fs: Any, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
        fs.pipe(f"{run}/big", BIG)
        read, ranges = fs.range_of, []

        def noted(artifact: Any, start: int, end: int) -> Any:
            ranges.append((start, end))
            return read(artifact, start, end)

        monkeypatch.setattr(fs, "range_of", noted)
        with fs.open(f"{run}/big", cache_type="none") as file:
            file.seek(3_000_001)
            assert file.read(10) == BIG[3_000_001:3_000_011]
            file.seek(-5, os.SEEK_END)
            assert file.read() == BIG[-5:]
        assert ranges == [(3_000_001, 3_000_011), (len(BIG) - 5, len(BIG))]
        assert fs.cat_file(f"{run}/big", 7, 12) == BIG[7:12]
        assert fs.cat_file(f"{run}/big", -6) == BIG[-6:]
        assert fs.cat_file(f"{run}/big", -6, -2) == BIG[-6:-2]
        assert fs.cat_file(f"{run}/big", len(BIG) + 5, len(BIG) + 9) == b""
        assert fs.cat_file(f"{run}/big") == BIG
        assert fs.head(f"{run}/big", 3) == BIG[:3]
        assert fs.tail(f"{run}/big", 3) == BIG[-3:]
        assert fs.read_block(f"{run}/big", 5, 5) == BIG[5:10]

    def test_many_ranges(self, fs: Any, run: str) -> None:
        fs.pipe({f"{run}/a": b"0123456789", f"{run}/b": b"abcdef"})
        paths = [f"{run}/a", f"{run}/b", f"{run}/a", f"artifacta://{run}/b"]
        assert fs.cat_ranges(paths, [0, 1, -3, 2], [4, 3, None, 2]) == [b"0123", b"bc", b"789", b""]
        found = fs.cat_ranges([f"{run}/a", f"{run}/none"], 0, 2)
        assert (found[0], type(found[1])) == (b"01", FileNotFoundError)
        with pytest.raises(FileNotFoundError):
            fs.cat_ranges([f"{run}/a", f"{run}/none"], 0, 2, on_error="raise")
        assert fs.cat([f"{run}/a", f"{run}/b"]) == {f"{run}/a": b"0123456789", f"{run}/b": b"abcdef"}

    def test_an_open_file_stays_on_its_version(self, fs: Any, run: str) -> None:
        fs.pipe(f"{run}/a", b"first")
        with fs.open(f"{run}/a") as file:
            fs.pipe(f"{run}/a", b"second")
            assert file.read() == b"first"
        assert fs.cat(f"{run}/a") == b"second"
        with fs.open(f"{run}/a", version=1) as old:
            assert old.read() == b"first"
        assert (fs.info(f"{run}/a")["version"], fs.info(f"{run}/a", version=1)["size"]) == (2, 5)
        with pytest.raises(FileNotFoundError):
            fs.info(f"{run}/a", version=3)

    def test_text_by_lines(self, fs: Any, run: str) -> None:
        with fs.open(f"{run}/t.txt", "w", encoding="utf-16", newline="\n") as file:
            file.writelines(["ä\n", "b\n"])
        with fs.open(f"{run}/t.txt", "r", encoding="utf-16") as file:
            assert list(file) == ["ä\n", "b\n"]

    def test_to_the_local_disk_and_back(self, fs: Any, run: str, tmp_path: Path) -> None:
        (tmp_path / "in" / "sub").mkdir(parents=True)
        (tmp_path / "in" / "a").write_bytes(b"a")
        (tmp_path / "in" / "sub" / "b").write_bytes(BIG)
        told: list[int] = []

        class Shown(fsspec.Callback):
            def call(self, *_names: Any, **_more: Any) -> None:
                told.append(self.value)

        fs.put(f"{tmp_path}/in", f"{run}/out", recursive=True)
        assert fs.find(run) == [f"{run}/out/a", f"{run}/out/sub/b"]
        fs.get(f"{run}/out/", f"{tmp_path}/back/", recursive=True)
        assert (tmp_path / "back" / "sub" / "b").read_bytes() == BIG
        fs.get_file(f"{run}/out/sub/b", f"{tmp_path}/one", callback=Shown())
        assert told[-1] == len(BIG)
        with pytest.raises(FileNotFoundError):
            fs.get(f"{run}/none", f"{tmp_path}/none")
        assert not (tmp_path / "none").exists()


class TestListing:
    @pytest.fixture
    def tree(self, fs: Any, run: str) -> str:
        names = ["a.txt", "b.csv", "d/x.txt", "d/y.csv", "d/e/z.txt", "de", "f[1].txt", 'q"*']
        fs.pipe({f"{run}/{name}": name.encode() for name in names})
        return run

    def test_ls_info_and_what_exists(self, fs: Any, tree: str) -> None:
        assert fs.ls(tree, detail=False) == sorted(
            f"{tree}/{name}" for name in ("a.txt", "b.csv", "d", "de", "f[1].txt", 'q"*')
        )
        assert fs.ls(f"artifacta://{tree}/d/", detail=False) == [f"{tree}/d/e", f"{tree}/d/x.txt", f"{tree}/d/y.csv"]
        assert [entry["type"] for entry in fs.ls(f"{tree}/d")] == ["directory", "file", "file"]
        assert fs.ls(f"{tree}/a.txt", detail=False) == [f"{tree}/a.txt"]
        assert (fs.info(f"{tree}/d")["type"], fs.info(tree)["state"]) == ("directory", "OPEN")
        assert (fs.isdir(f"{tree}/d"), fs.isfile(f"{tree}/d"), fs.isdir(f"{tree}/de")) == (True, False, False)
        assert (fs.exists(f"{tree}/no"), fs.exists("no_such_run"), fs.exists(f"{tree}/a//b")) == (False, False, False)
        assert fs.exists("")
        told = fs.info(f"{tree}/a.txt")
        assert (told["size"], told["version"], len(told["sha256"])) == (5, 1, 64)
        assert fs.checksum(f"{tree}/a.txt") == int(told["sha256"], 16)
        assert fs.modified(f"{tree}/a.txt") == told["created"]

    def test_the_root_lists_sessions(self, fs: Any, tree: str) -> None:
        assert tree in fs.ls("", detail=False)
        assert tree in fs.ls("artifacta://", detail=False)
        assert fs.glob(f"{tree[:-3]}*/a.txt") == [f"{tree}/a.txt"]

    def test_glob_find_walk_and_du(self, fs: Any, tree: str) -> None:
        assert fs.glob(f"{tree}/*.txt") == [f"{tree}/a.txt", f"{tree}/f[1].txt"]
        assert fs.glob(f"artifacta://{tree}/**/*.txt") == [
            f"{tree}/{name}" for name in ("a.txt", "d/e/z.txt", "d/x.txt", "f[1].txt")
        ]
        assert fs.glob(f"{tree}/d*") == [f"{tree}/d", f"{tree}/de"]
        assert fs.glob(f"{tree}/d/*/") == [f"{tree}/d/e"]
        assert fs.glob(f"{tree}/none*") == []
        assert fs.find(f"{tree}/d") == [f"{tree}/d/{name}" for name in ("e/z.txt", "x.txt", "y.csv")]
        assert fs.find(f"{tree}/d", maxdepth=1) == [f"{tree}/d/x.txt", f"{tree}/d/y.csv"]
        assert fs.find(f"{tree}/d/x.txt") == [f"{tree}/d/x.txt"]
        assert fs.find(f"{tree}/none") == []
        assert fs.find(tree, prefix="d/e") == [f"{tree}/d/e/z.txt"]
        assert list(fs.walk(f"{tree}/d")) == [
            (f"{tree}/d", ["e"], ["x.txt", "y.csv"]),
            (f"{tree}/d/e", [], ["z.txt"]),
        ]
        assert fs.du(f"{tree}/d") == sum(len(name) for name in ("d/x.txt", "d/y.csv", "d/e/z.txt"))

    def test_a_directory_is_listed_without_reading_what_is_below_it(
        self, fs: Any, run: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = fs.store.session(run)
        for number in range(450):
            session.push(b"", f"deep/{number % 3}/{number}.txt")
        for number in range(250):
            session.push(b"", f"flat-{number:03}.txt")
        page, records = fs.store.query_page, []

        def counted(*arguments: Any, **options: Any) -> Any:
            found = page(*arguments, **options)
            records.append(len(found.artifacts))
            return found

        monkeypatch.setattr(fs.store, "query_page", counted)
        assert len(fs.ls(run)) == 251
        # The first page is of what is below `deep`; nothing of it is read after that.
        assert sum(records) == 200 + 250
        records.clear()
        assert fs.ls(f"{run}/deep", detail=False) == [f"{run}/deep/{n}" for n in range(3)]
        assert sum(records) == 200
        records.clear()
        assert len(fs.glob(f"{run}/flat-24*.txt")) == 10
        assert sum(records) == 10

    def test_more_directories_than_a_filter_can_leave_out(self, fs: Any, run: str) -> None:
        session = fs.store.session(run)
        for number in range(300):
            session.push(b"", f"d{number % 100:02}-{'x' * 60}/{number}")
        assert len(fs.ls(run)) == 100


class TestErrors:
    def test_what_is_missing_sealed_held_or_too_much(self, fs: Any, run: str) -> None:
        for call in (fs.info, fs.ls, fs.cat, fs.open, fs.size, fs.rm):
            with pytest.raises(FileNotFoundError) as caught:
                call(f"{run}/none")
            assert run in str(caught.value)
        fs.pipe(f"{run}/a", b"a")
        fs.store.update(f"{run}/a", hold=True)
        with pytest.raises(PermissionError):
            fs.rm(f"{run}/a")
        fs.store.session(run).seal()
        with pytest.raises(PermissionError, match="sealed") as sealed:
            fs.pipe(f"{run}/b", b"b")
        assert isinstance(sealed.value.__cause__, errors.SessionSealed)
        with pytest.raises(ValueError, match="name"):
            fs.pipe(f"{run}x/a//b", b"")

    def test_the_error_of_a_close_is_raised_and_nothing_is_left(self, fs: Any, run: str) -> None:
        fs.mkdir(run)
        file = fs.open(f"{run}/a", "wb")
        file.write(b"a")
        fs.store.session(run).seal()
        with pytest.raises(PermissionError):
            file.close()
        assert file.closed
        file.close()

    def test_a_service_that_is_not_there_is_no_missing_file(self) -> None:
        away = ArtifactaFileSystem("grpc://127.0.0.1:1", timeout=1, skip_instance_cache=True)
        away.store._driver.context = type(away.store._driver.context)(
            retry=type(away.store._driver.context.retry)(attempts=1), timeout=1, place="nowhere"
        )
        for call in (away.exists, away.isfile, away.isdir, away.find, away.glob):
            with pytest.raises(ConnectionError):
                call("run/a")


class TestProcesses:
    def test_it_can_be_pickled(self, fs: Any, run: str) -> None:
        fs.pipe(f"{run}/a", b"a")
        again = pickle.loads(pickle.dumps(fs))
        assert again.cat(f"{run}/a") == b"a"
        assert type(fs).from_json(fs.to_json()).cat(f"{run}/a") == b"a"

    def test_threads(self, service: Service, fs: Any, run: str) -> None:
        fs.pipe(f"{run}/a", BIG)
        found: list[bool] = []

        def read() -> None:
            mine = fsspec.filesystem("artifacta", service_url=service.url)
            found.append(mine.cat(f"{run}/a") == BIG and fs.cat_file(f"{run}/a", 3, 9) == BIG[3:9])

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert found == [True] * 4

    def test_in_a_loop_of_the_user(self, service: Service, run: str) -> None:
        async def work() -> tuple[Any, Any]:
            fs = ArtifactaFileSystem(service.url, asynchronous=True, skip_instance_cache=True)
            await asyncio.gather(*(fs._pipe_file(f"{run}/{n}", bytes([n])) for n in range(8)))
            return await fs._cat_file(f"{run}/7"), await fs._ls(run, detail=False)

        for _ in range(2):
            content, names = asyncio.run(work())
            assert (content, len(names)) == (b"\7", 8)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning")
    def test_a_process_that_was_forked(self, service: Service, fs: Any, run: str) -> None:
        fs.pipe(f"{run}/a", b"a")
        context = multiprocessing.get_context("fork")
        mine, its = context.Pipe()
        child = context.Process(target=_read, args=(service.url, f"{run}/a", its))
        child.start()
        assert mine.poll(60)
        assert mine.recv() == b"a"
        child.join(60)
        assert fs.cat(f"{run}/a") == b"a"


def _read(url: str, path: str, to: Any) -> None:
    to.send(fsspec.filesystem("artifacta", service_url=url).cat(path))
