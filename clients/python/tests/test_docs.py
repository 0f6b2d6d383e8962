"""The examples of docs/python.md are run, in their order, against one data directory."""

from __future__ import annotations

from pathlib import Path

from conftest import ROOT
from pages import examples, page, ran

PAGE = page("python.md")
EXAMPLES = examples(PAGE)

SAID = [
    "new 12 bytes\nrun_42 report.json 1\nrun_42 notes.txt 1\n42\n",
    "SUCCEEDED ('report.json',)\n",
    "line 98\nline 99\n\nline 998\nline 999\nb'line 999'\n[{'a': '1', 'b': '2'}]\n/tmp/table.csv\n",
    "read 27 push 10000000\n",
    'ARTIFACT_NOT_FOUND none\nspec.name: must not have a segment ".."\n',
    "['part-0.txt', 'part-1.txt', 'part-2.txt', 'part-3.txt', 'part-4.txt']\n",
]


def test_the_page_begins_with_ten_lines() -> None:
    assert PAGE.startswith("# The Python client\n\n```python\n")
    assert EXAMPLES[0].count("\n") <= 10
    assert len(EXAMPLES) == len(SAID)


def test_the_examples_run(short_path: Path) -> None:
    sources = str(ROOT / "clients" / "python" / "src")
    for code, said in zip(EXAMPLES, SAID, strict=True):
        here = code.replace('"/tmp/"', f'"{short_path}/"')
        # In the development mode asyncio complains of a machine that is slow.
        options = ("-W", "default") if "asyncio" in code else ("-X", "dev")
        told = ran(here, short_path / "data", *options, PYTHONPATH=sources)
        assert (told.stdout.replace(f"{short_path}/", "/tmp/"), told.stderr) == (said, "")
