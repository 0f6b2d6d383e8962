"""Objects of others' kinds, which no schema of Kubernetes has: against the types and checks of @kubernetes-models."""

import json
import os
import re
import subprocess
from pathlib import Path

from chart import VALUES, documents, rendered

TOOLS = Path(os.environ["CHART_TOOLS"])
MODULES = {
    "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
}
OPTIONS = "--ignoreConfig --noEmit --skipLibCheck --strict --module nodenext --moduleResolution nodenext"


def custom():
    return [item for file in VALUES for item in documents(rendered(file)) if item["apiVersion"] in MODULES]


def module_of(item):
    return f"{MODULES[item['apiVersion']]}/{item['kind']}"


def compiled(objects):
    """What the compiler finds: also names that there are not."""
    lines = [
        f"export const c{at}: import('{module_of(item)}').I{item['kind']} = {json.dumps(item)};"
        for at, item in enumerate(objects)
    ]
    path = TOOLS / "objects.ts"
    path.write_text("\n".join(lines))
    return subprocess.run(["tsc", *OPTIONS.split(), path], capture_output=True, text=True, timeout=120)


def test_names_are_those_of_their_types():
    found = compiled(custom())
    assert found.returncode == 0, found.stdout
    assert {item["kind"] for item in custom()} == {"ServiceMonitor", "PrometheusRule", "GRPCRoute"}


def test_a_name_that_there_is_not_is_found():
    [route] = [item for item in custom() if item["kind"] == "GRPCRoute"]
    route["spec"]["hostname"] = route["spec"].pop("hostnames")
    assert re.search("hostname.* does not exist", compiled([route]).stdout)


def test_values_are_those_of_their_schemas():
    lines = ["let count = 0;"]
    for item in custom():
        kind = f"(await import('{module_of(item)}')).{item['kind']}"
        lines.append(f"new ({kind})({json.dumps(item)}).validate();")
        lines.append("count += 1;")
    path = TOOLS / "objects.mjs"
    path.write_text("\n".join([*lines, "console.log(count);"]))
    found = subprocess.run(["node", path], capture_output=True, text=True, timeout=120)
    assert (found.stdout, found.stderr) == (f"{len(custom())}\n", "")
