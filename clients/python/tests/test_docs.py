"""The examples of docs/python.md are run, in their order, against one data directory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import COMMAND, ROOT, clean_environment

PAGE = (ROOT / "docs" / "python.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

SAID = [
    "new 12 bytes\nrun_42 report.json 1\nrun_42 notes.txt 1\n42\n",
    "SUCCEEDED ('report.json',)\n",
    "line 98\nline 99\n\nline 998\nline 999\nb'line 999'\n[{'a': '1', 'b': '2'}]\n/tmp/table.csv\n",
    'ARTIFACT_NOT_FOUND none\nspec.name: must not have a segment ".."\n',
    "['part-0.txt', 'part-1.txt', 'part-2.txt', 'part-3.txt', 'part-4.txt']\n",
]


def test_the_page_begins_with_ten_lines() -> None:
    assert PAGE.startswith("# The Python client\n\n```python\n")
    assert EXAMPLES[0].count("\n") <= 10
    assert len(EXAMPLES) == len(SAID)


def test_the_examples_run(short_path: Path) -> None:
    environment = clean_environment(
        PYTHONPATH=str(ROOT / "clients" / "python" / "src"),
        ARTIFACTA_DATA_DIR=str(short_path / "data"),
        PATH=f"{COMMAND.parent}{os.pathsep}{os.environ['PATH']}",
    )
    for code, said in zip(EXAMPLES, SAID, strict=True):
        here = code.replace('"/tmp/"', f'"{short_path}/"')
        ran = subprocess.run(
            [sys.executable, "-X", "dev", "-c", here],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
            timeout=120,
        )
        assert (ran.stdout.replace(f"{short_path}/", "/tmp/"), ran.stderr) == (said, "")
