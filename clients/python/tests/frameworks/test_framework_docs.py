"""The examples of docs/frameworks.md are run, in their order, against one data directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pages import examples, page, ran

pytest.importorskip("fsspec")
pytest.importorskip("google.adk")

EXAMPLES = examples(page("frameworks.md"))

SAID = [
    "42\n",
    "['run_42/notes', 'run_42/tables']\n['run_42/tables/orders.parquet']\n1 b'invoices'\nTrue\n",
    "0\n1\nfinal [0, 1]\nreport.md 2\n",
    "",
]


def test_the_examples_run(short_path: Path) -> None:
    assert len(EXAMPLES) == len(SAID)
    for code, said in zip(EXAMPLES, SAID, strict=True):
        told = ran(code, short_path / "data")
        assert (told.stdout, told.returncode) == (said, 0), told.stderr


def test_no_framework_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, artifacta_client\nfrom artifacta_client import connect\n"
        "print(sorted({'fsspec', 'google.adk', 'google.genai', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules)))\n"
        "import artifacta_client.fsspec\n"
        "print(sorted({'google.adk', 'google.genai', 'pandas', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n[]\n"
