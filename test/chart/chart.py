"""The chart as the tests see it: loaded once, rendered with values."""

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "helm" / "artifacta"
CHART = helm_python.Chart.load(str(PATH))
VALUES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "test/chart/values").glob("*.yaml"))}
DEFAULTS = yaml.safe_load((PATH / "values.yaml").read_text())
NOTES = "artifacta/templates/NOTES.txt"

Tree = dict[str, Any]
Keys = tuple[str, ...]


def render(values: Tree, name: str = "release", namespace: str = "agents") -> dict[str, str]:
    """What each template gives, by its path. Raises HelmError with what is refused."""
    return CHART.render(values, name=name, namespace=namespace)


@cache
def rendered(file: str) -> dict[str, str]:
    return render(VALUES[file])


def documents(files: dict[str, str]) -> list[Tree]:
    """The objects, in the order of their templates."""
    manifests = [text for path, text in files.items() if path != NOTES]
    return [document for text in manifests for document in yaml.safe_load_all(text) if document]


def one(files: dict[str, str], kind: str, name: str | None = None) -> Tree:
    """The one object of that kind."""
    found = [item for item in documents(files) if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} {kind} {name or ''}"
    return found[0]


def workload(files: dict[str, str]) -> Tree:
    """What makes the pods of the service."""
    found = [item for item in documents(files) if item["kind"] in ("StatefulSet", "Deployment")]
    assert len(found) == 1
    return found[0]


def service_pod(files: dict[str, str]) -> Tree:
    return workload(files)["spec"]["template"]["spec"]


def containers(files: dict[str, str]) -> list[Tree]:
    """Of all pods."""
    pods = [service_pod(files)]
    pods += [item["spec"] for item in documents(files) if item["kind"] == "Pod"]
    return [container for pod in pods for container in pod.get("initContainers", []) + pod["containers"]]


def environment(container: Tree) -> dict[str, str | None]:
    return {variable["name"]: variable.get("value") for variable in container["env"]}


def leaves(tree: Any, above: Keys = ()) -> Iterator[Keys]:
    """Paths of what is no object, or an empty one."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from leaves(value, (*above, key))
    else:
        yield above


def changed(tree: Tree, path: Keys, value: Any = None, *, remove: bool = False) -> Tree:
    """A copy with another value there, or without it."""
    result = copy.deepcopy(tree)
    at = result
    for key in path[:-1]:
        at = at.setdefault(key, {})
    if remove:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return result
