"""Makes the chart's README from the comments in values.yaml. `--write` writes it."""

import re
import sys

import yaml
from chart import CHART, PATH

HEAD = """# Chart: artifacta

{description}. One StatefulSet with one replica, the reaper as its sidecar, and a volume; or, with the index in PostgreSQL
and the contents in a bucket, a Deployment with several replicas. Kubernetes {kube} is needed.
[docs/kubernetes.md](../../docs/kubernetes.md) says how to install, secure, back up and upgrade it.

    helm install store helm/artifacta --namespace agents --set image.repository=registry.example.org/artifacta

Values that are misspelt, and values that contradict each other, are refused. This page is made from the comments in
`values.yaml`.

In `templates/`, each YAML file makes the object that it is named after. The files share these: `_names.tpl` (names,
labels, the image), `_settings.tpl` (the environment), `_template.tpl` (the pod), `_pod.tpl` (its contexts, probes,
files), `_volumes.tpl` (data and exports), `_replicas.tpl` (what only replicas have) and `_refusals.tpl`
(contradictions). `files/` has the dashboard and the program of `helm test`.
"""


def default(path: str) -> str:
    value = CHART.values
    for key in path.split("."):
        # Helm leaves out what is null.
        value = value.get(key) if value else None
    if value is None:
        return "`null`"
    if isinstance(value, (dict, list)):
        return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).strip()}`"
    return f"`{value!s}`".lower() if isinstance(value, bool) else f"`{value}`" if value != "" else ""


def readme() -> str:
    text = HEAD.format(description=CHART.metadata["description"], kube=CHART.metadata["kubeVersion"].removesuffix("-0"))
    for kind, rest in re.findall(r"^ *## @(section|param) (.+)$", (PATH / "values.yaml").read_text(), re.M):
        if kind == "section":
            text += f"\n## {rest}\n\n| Value | Default | |\n| --- | --- | --- |\n"
        else:
            path, words = rest.split(" ", 1)
            text += f"| `{path}` | {default(path)} | {words} |\n"
    return text


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        (PATH / "README.md").write_text(readme())
    else:
        print(readme(), end="")
