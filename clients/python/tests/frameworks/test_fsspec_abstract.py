"""The tests that fsspec has for file systems, with this one.

All run; none is left out. Directories that are empty do not exist here, as in other stores of objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Service

pytest.importorskip("fsspec")

import fsspec
from fsspec.tests import abstract


class Fixtures(abstract.AbstractFixtures):  # type: ignore[misc]
    @pytest.fixture
    def fs(self, service: Service) -> Any:
        return fsspec.filesystem("artifacta", service_url=service.url)

    @pytest.fixture
    def fs_path(self, fs: Any) -> Iterator[str]:
        session = fs.store.session()
        yield session.id
        session.remove()

    @pytest.fixture
    def fs_join(self) -> Any:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(Fixtures, abstract.AbstractCopyTests):  # type: ignore[misc]
    pass


class TestGet(Fixtures, abstract.AbstractGetTests):  # type: ignore[misc]
    pass


class TestPut(Fixtures, abstract.AbstractPutTests):  # type: ignore[misc]
    pass


class TestPipe(Fixtures, abstract.AbstractPipeTests):  # type: ignore[misc]
    pass


class TestOpen(Fixtures, abstract.AbstractOpenTests):  # type: ignore[misc]
    pass
