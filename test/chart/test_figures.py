"""The dashboard and the alarms name figures that exist, which test/telemetry/docs.test.ts compares with the code."""

import json
import re

import pytest
from chart import ROOT, one, rendered

PAGE = (ROOT / "docs/observability.md").read_text()
# Of a figure, and what Prometheus adds to it.
OWN_LABELS = {"namespace", "service", "le", "container"}
WORDS = {"sum", "by", "rate", "increase", "absent", "time", "histogram_quantile", "label_values", "or", "and"}


def figures():
    """Name to labels."""
    found = {}
    for name, kind, labels in re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*)\|", PAGE, re.M):
        names = [f"{name}_bucket", f"{name}_count", f"{name}_sum"] if kind == "histogram" else [name]
        for each in names:
            found.setdefault(each, set()).update(re.findall(r"`(\w+)`", labels))
    return found


def rules():
    """Those of replicas are more."""
    groups = one(rendered("zones"), "PrometheusRule")["spec"]["groups"]
    one_process = one(rendered("tls"), "PrometheusRule")["spec"]["groups"]
    found = [rule for group in groups for rule in group["rules"]]
    assert {rule["alert"] for group in one_process for rule in group["rules"]} < {rule["alert"] for rule in found}
    return found


def expressions():
    dashboard = json.loads(one(rendered("tls"), "ConfigMap", "store-dashboard")["data"]["artifacta.json"])
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    yield from (item["query"] for item in dashboard["templating"]["list"] if item["type"] == "query")
    yield from (rule["expr"] for rule in rules())


@pytest.mark.parametrize("expression", list(expressions()))
def test_names_only_what_exists(expression):
    known = figures()
    bare = re.sub(r'"[^"]*"|\[\w+\]', "", expression)
    used = re.findall(r"\b[a-z]\w+\b", re.sub(r"\{[^}]*\}|\bby \([^)]*\)", "", bare))
    names = set(used) - WORDS - OWN_LABELS
    assert names, "there is a figure in it"
    assert names <= set(known)
    labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", re.sub(r"==|<=|>=", "", bare)))
    for group in re.findall(r"\bby \(([^)]*)\)", bare):
        labels |= {label.strip() for label in group.split(",")}
    assert labels - OWN_LABELS <= set().union(*(known[name] for name in names))


def test_every_alarm_of_the_page_is_there():
    page = re.search(r"worth an alarm:\n\n(.*?)\n\n", PAGE, re.S)[1]
    # Without the labels that say which release it is.
    ours = [re.sub(r",?namespace=\"[^\"]*\",service=\"[^\"]*\"", "", rule["expr"]).replace("{}", "")
            for rule in rules()]
    for line in page.splitlines():
        assert any(line.strip() in expression for expression in ours), line.strip()
