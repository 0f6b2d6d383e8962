"""Files that are written through fsspec: whole, or not at all."""

from __future__ import annotations

import contextlib
import gc
import logging
from typing import Any

import pytest
from conftest import Service

pytest.importorskip("fsspec")

import fsspec

from artifacta_client._core import copying

BIG = bytes(range(256)) * 20_000


class TestWriting:
    def test_stored_when_closed(self, fs: Any, run: str) -> None:
        file = fs.open(f"{run}/a", "wb", metadata={"agent": "x"}, media_type="text/csv")
        file.write(b"one")
        file.flush()
        assert not fs.exists(f"{run}/a")
        file.seek(0)
        file.write(b"O")
        file.close()
        file.close()
        assert fs.cat(f"{run}/a") == b"One"
        assert (fs.info(f"{run}/a")["metadata"], fs.info(f"{run}/a")["media_type"]) == ({"agent": "x"}, "text/csv")
        with pytest.raises(ValueError, match="closed"):
            file.write(b"more")

    @pytest.mark.parametrize("mode", ["wb", "w", "ab", "a"])
    @pytest.mark.parametrize("by", ["fs", "fsspec"])
    def test_nothing_is_stored_if_the_writer_raises(
        self, fs: Any, run: str, service: Service, mode: str, by: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.CRITICAL)
        path = f"artifacta://{run}/a"
        opened = fs.open(path, mode) if by == "fs" else fsspec.open(path, mode, service_url=service.url)
        with pytest.raises(ZeroDivisionError), opened as file:
            file.write(b"half" if "b" in mode else "half")
            raise ZeroDivisionError
        assert not fs.exists(path)

    @pytest.mark.parametrize("mode", ["wb", "w"])
    def test_nothing_is_stored_if_it_is_never_closed(self, fs: Any, run: str, mode: str) -> None:
        file = fs.open(f"{run}/a", mode)
        file.write(b"half" if mode == "wb" else "half")
        with pytest.warns(ResourceWarning, match="never closed") if mode == "wb" else contextlib.nullcontext():
            del file
            gc.collect()
        assert not fs.exists(f"{run}/a")

    @pytest.mark.parametrize("ending", ["gz", "bz2", "xz"])
    @pytest.mark.parametrize("mode", ["wb", "w"])
    def test_compressed(self, fs: Any, run: str, mode: str, ending: str, caplog: pytest.LogCaptureFixture) -> None:
        path, data = f"{run}/a.{ending}", b"data" * 1_000
        with fs.open(path, mode, compression="infer") as file:
            file.write(data if mode == "wb" else data.decode())
        assert 0 < fs.size(path) < len(data)
        with fs.open(path, compression="infer") as file:
            assert file.read() == data
        caplog.set_level(logging.CRITICAL)
        with pytest.raises(ZeroDivisionError), fs.open(f"{run}/b.{ending}", mode, compression="infer") as file:
            file.write(data if mode == "wb" else data.decode())
            raise ZeroDivisionError
        assert not fs.exists(f"{run}/b.{ending}")

    def test_a_writer_may_handle_errors_of_its_own(self, fs: Any, run: str) -> None:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            with fs.open(f"{run}/report", "w") as file:
                file.write("it failed")
        with fs.open(f"{run}/other", "wb") as file:
            try:
                raise KeyError
            except KeyError:
                file.write(b"handled")
        assert fs.cat([f"{run}/report", f"{run}/other"]) == {f"{run}/report": b"it failed", f"{run}/other": b"handled"}

    def test_appending_makes_a_version_and_x_only_the_first(self, fs: Any, run: str) -> None:
        for text in ("a", "b"):
            with fs.open(f"{run}/log", "a") as file:
                file.write(text)
        assert (fs.cat(f"{run}/log"), fs.info(f"{run}/log")["version"]) == (b"ab", 2)
        with pytest.raises(FileExistsError):
            fs.open(f"{run}/log", "x")
        with fs.open(f"{run}/new", "x") as file:
            file.write("n")
        with pytest.raises(ValueError, match="mode"):
            fs.open(f"{run}/log", "r+b")

    def test_a_transaction(self, fs: Any, run: str) -> None:
        with fs.transaction:
            with fs.open(f"{run}/a", "wb") as file:
                file.write(b"a")
            assert not fs.exists(f"{run}/a")
        assert fs.cat(f"{run}/a") == b"a"
        with pytest.raises(ZeroDivisionError), fs.transaction:
            with fs.open(f"{run}/b", "wb") as file:
                file.write(b"b")
            raise ZeroDivisionError
        assert fs.ls(run, detail=False) == [f"{run}/a"]

    def test_copies_by_digest(self, fs: Any, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
        with fs.open(f"{run}/a.bin", "wb", metadata={"k": "v"}, media_type="text/csv") as file:
            file.write(BIG)
        source = fs.store.get(f"{run}/a.bin")
        with monkeypatch.context() as patched:
            patched.delattr(copying, "Push")
            fs.cp_file(f"{run}/a.bin", f"{run}/b.bin")
            fs.cp_file(f"{run}/a.bin", f"{run}/b.json")
        copied = fs.store.get(f"{run}/b.bin")
        assert (copied.sha256, copied.parents, copied.metadata) == (source.sha256, (source.id,), {"k": "v"})
        types = [fs.info(f"{run}/{name}")["media_type"] for name in ("b.bin", "b.json")]
        assert types == ["text/csv", "application/json"]
        fs.mv(f"{run}/b.bin", f"{run}/sub/c.bin")
        assert fs.ls(run, detail=False) == [f"{run}/a.bin", f"{run}/b.json", f"{run}/sub"]
        with pytest.raises(FileNotFoundError):
            fs.cp_file(f"{run}/none", f"{run}/x")

    def test_copies_by_bytes_what_may_not_be_referred_to(self, fs: Any, run: str) -> None:
        fs.pipe(f"{run}/a", BIG)
        driver, artifact = fs.store._driver, fs.store.get(f"{run}/a")
        stored = copying._Stored(driver.context, artifact)
        spec = copying.spec_message(
            run, "b", metadata=None, labels=None, media_type=None, ttl=None, parents=None, request_id=None,
            new_version=False,
        )  # fmt: skip
        driver(copying.Push(driver.context, spec, None).run(stored))
        assert fs.ukey(f"{run}/a") == fs.ukey(f"{run}/b")

    def test_removes_all_versions(self, fs: Any, run: str) -> None:
        for text in (b"1", b"2"):
            fs.pipe(f"{run}/d/a", text)
        fs.pipe({f"{run}/d/e/b": b"", f"{run}/c": b""})
        with pytest.raises(IsADirectoryError):
            fs.rm(f"{run}/d")
        fs.rm(f"{run}/d/a")
        assert list(fs.store.query(session=run, name="d/a", all_versions=True)) == []
        fs.rm(f"{run}/d", recursive=True)
        assert fs.find(run) == [f"{run}/c"]
        with pytest.raises(FileNotFoundError):
            fs.rm(f"{run}/d/a")
        fs.rm([f"{run}/c"])
        fs.pipe(f"{run}/c", b"again")
        assert fs.info(f"{run}/c")["version"] == 2
        fs.rm(run, recursive=True)
        assert not fs.exists(run)
        with pytest.raises(ValueError, match="session"):
            fs.rm("", recursive=True)

    def test_directories_need_not_be_made(self, fs: Any, run: str) -> None:
        fs.makedirs(f"{run}/a/b")
        assert not fs.exists(f"{run}/a")
        fs.mkdir(run)
        assert fs.ls(run) == []
        fs.makedirs(run, exist_ok=True)
        with pytest.raises(FileExistsError):
            fs.makedirs(run)
        with pytest.raises(IsADirectoryError):
            fs.open(run, "wb")
