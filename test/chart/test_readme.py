"""The chart's README says what is in values.yaml, and every value is described."""

import re

from chart import DEFAULTS, PATH, leaves
from readme import readme


def test_it_is_made_from_the_comments():
    assert (PATH / "README.md").read_text() == readme(), "it is old: test/chart/run.sh --readme writes it"


def test_every_value_is_described():
    described = re.findall(r"^ *## @param (\S+) ", (PATH / "values.yaml").read_text(), re.M)
    for path in leaves(DEFAULTS):
        name = ".".join(path)
        assert any(name == each or name.startswith(f"{each}.") for each in described), name
    assert len(described) == len(set(described))
