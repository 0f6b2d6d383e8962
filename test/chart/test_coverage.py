"""Every value is used by a template, every template by a test, and the schema knows all of them and no more."""

import re

import helm_python
import pytest
from chart import CHART, DEFAULTS, PATH, ROOT, VALUES, changed, containers, environment, leaves, render, rendered

# Passed through to Kubernetes, whose schemas check it; or Helm's own.
OPEN = {"/global", "/affinity/nodeAffinity", "/affinity/podAffinity", "/affinity/podAntiAffinity"}
CASES = [(file, path) for file, values in VALUES.items() for path in leaves(values)]


@pytest.mark.parametrize(("file", "path"), CASES, ids=[f"{file}: {'.'.join(path)}" for file, path in CASES])
def test_each_value_makes_a_difference(file, path):
    try:
        without = render(changed(VALUES[file], path, remove=True))
    except helm_python.HelmError:
        return
    assert without != rendered(file), "it is the default, or used by no template"


def test_each_value_is_given_somewhere():
    given = {path for values in VALUES.values() for path in leaves(values)}

    def is_given(path):
        return any(path == other[: len(path)] or other == path[: len(other)] for other in given)

    assert [".".join(path) for path in leaves(DEFAULTS) if not is_given(path)] == []


def test_each_template_gives_something():
    given = {path for file in VALUES for path, text in rendered(file).items() if text.strip()}
    names = {f"artifacta/{item['name']}" for item in CHART.templates if not item["name"].endswith(".tpl")}
    assert names == given


def test_each_named_template_is_used():
    texts = "".join(item["data"] for item in CHART.templates)
    for name in re.findall(r'define "([^"]+)"', texts):
        assert re.search(rf'include "{re.escape(name)}"', texts), name


def test_each_file_of_the_chart_is_used():
    texts = "".join(item["data"] for item in CHART.templates)
    for path in (PATH / "files").iterdir():
        assert f'.Files.Get "files/{path.name}"' in texts


def objects(schema, path=""):
    """The schemas of objects and where they are."""
    if schema.get("type") == "object":
        yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from objects(inner, f"{path}/{key}")
    if "items" in schema:
        yield from objects(schema["items"], f"{path}[]")


def test_the_schema_is_closed():
    found = {path for path, schema in objects(CHART.schema) if schema.get("additionalProperties", True) is True}
    assert found == OPEN


def test_the_schema_has_the_values_and_no_others():
    def names(schema, tree, path=""):
        if "properties" not in schema or not isinstance(tree, dict):
            return
        # What has no default is what Kubernetes names.
        if tree:
            assert set(schema["properties"]) - {"global"} == set(tree), path
        for key, inner in schema["properties"].items():
            names(inner, tree.get(key), f"{path}/{key}")

    names(CHART.schema, DEFAULTS)


# Settings that the chart leaves alone, and why.
LEFT = {
    "ARTIFACTA_WITH_REAPER": "the reaper is a sidecar",
    "ARTIFACTA_WHILE_STDIN": "for a service that a program brings along",
    "ARTIFACTA_LOG_FORMAT": "a pod has no terminal, so that log lines are JSON; extraEnv takes another",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "tracing.endpoint gives the other; extraEnv takes this one",
}


def test_the_chart_gives_every_setting_of_the_service():
    """Or says why not; and none that there is not."""
    source = "".join((ROOT / f"src/settings/{name}.ts").read_text() for name in ("settings", "replica-settings"))
    blocks = re.findall(r"^  \w+: \{$(.*?)^  \},$", source, re.M | re.S)
    known = {re.search(r"env: '(\w+)'", block)[1]: block for block in blocks}
    wanted = {name for name, block in known.items() if "serve: false" not in block or "reap: true" in block}
    given = {name for file in VALUES for container in containers(rendered(file)) for name in environment(container)}
    assert {name for name in given if name.startswith("ARTIFACTA_")} <= set(known)
    assert wanted - given == set(LEFT)
