"""Values that are misspelt, or contradict each other, are refused with what to do."""

import shutil

import helm_python
import pytest
from chart import CHART, DEFAULTS, PATH, VALUES, changed, leaves, render

GOOD = VALUES["minimal"]
REPLICAS = {"replicas": {"enabled": True}, "index": {"existingSecret": "a"}, "blobs": "gs://example/store"}

REFUSED = {
    "two processes in one directory": (
        {"replicaCount": 2},
        "/replicas/enabled.*needed for a replicaCount above 1, since one process owns the data directory",
    ),
    "replicas without a database": (
        {"replicas": {"enabled": True}, "blobs": "gs://example/store"},
        "/index/existingSecret.*needed with replicas.enabled",
    ),
    "replicas without a bucket": (
        {"replicas": {"enabled": True}, "index": {"existingSecret": "a"}},
        "/blobs.*needed with replicas.enabled",
    ),
    "replicas on a volume": (
        REPLICAS | {"persistence": {"existingClaim": "mine"}},
        "persistence.existingClaim: goes not with replicas.enabled",
    ),
    "exports of replicas to a volume": (
        REPLICAS | {"exports": {"enabled": True}},
        "exports.enabled: goes not with replicas.enabled",
    ),
    "more connections than there are": (
        REPLICAS | {"replicaCount": 3, "index": {"existingSecret": "a", "connectionsMax": 51}},
        "index.connectionsMax: must be at least 52: each process uses up to 13",
    ),
    "too few connections for one process": (
        {"index": {"existingSecret": "a", "connectionsMax": 9}},
        "index.connectionsMax: must be at least 10: each process uses up to 10",
    ),
    "pods where there is no place": (REPLICAS | {"replicas": {"enabled": True, "spread": "Always"}}, "/replicas/spread"),
    "replicas as text": ({"replicaCount": "1"}, "/replicaCount"),
    "no image": ({"image": {"repository": ""}}, "image.repository: must name the image"),
    "a typo at the top": ({"persistance": {"enabled": False}}, "additional properties 'persistance'"),
    "a typo below": ({"persistence": {"sizes": "1Gi"}}, "additional properties 'sizes'"),
    "a typo in a list": ({"grpcRoute": {"parentRefs": [{"nmae": "a"}]}}, "additional properties 'nmae'"),
    "a switch as text": ({"auth": {"enabled": "false"}}, "/auth/enabled.*got string, want boolean"),
    "a size without sense": ({"persistence": {"size": "20 GB"}}, "/persistence/size.*does not match pattern"),
    "an access mode that there is not": ({"persistence": {"accessMode": "ReadWriteTwice"}}, "/persistence/accessMode"),
    "a level that there is not": ({"logLevel": "loud"}, "/logLevel"),
    "a port that there is not": ({"service": {"grpcPort": 70000}}, "/service/grpcPort"),
    "root": ({"podSecurityContext": {"runAsUser": 0}}, "/podSecurityContext/runAsUser"),
    "another mesh": ({"mesh": {"kind": "consul"}}, "/mesh/kind"),
    "a name that no Service can have": ({"fullnameOverride": "a.b"}, "fullnameOverride: must be given"),
    "a way up": ({"persistence": {"subdirectory": "../other"}}, "/persistence/subdirectory"),
    "one port twice": ({"service": {"httpPort": 50051}}, "service.httpPort: must be another"),
    "killed before it has drained": (
        {"shutdown": {"drainSeconds": 300, "terminationGracePeriodSeconds": 305}},
        "terminationGracePeriodSeconds: must be more than .* 305",
    ),
    "a claim that is not used": (
        {"persistence": {"enabled": False, "existingClaim": "mine"}},
        "persistence.existingClaim: goes not with",
    ),
    "a claim for no exports": ({"exports": {"existingClaim": "mine"}}, "exports.existingClaim: goes not with"),
    "exports beside the data": (
        {"persistence": {"existingClaim": "mine"}, "exports": {"enabled": True, "existingClaim": "mine"}},
        "exports.existingClaim: must be another claim",
    ),
    "two files of identities": (
        {"auth": {"config": {"existingSecret": "a", "existingConfigMap": "b"}}},
        "auth.config.existingConfigMap: goes not with",
    ),
    "identities of nobody": (
        {"auth": {"enabled": False, "config": {"existingSecret": "a"}}},
        "auth.config: goes not with auth.enabled=false",
    ),
    "a token for nothing": ({"auth": {"clusterToken": True}}, "auth.clusterToken: is for a configuration"),
    "client certificates in clear": (
        {"tls": {"clientCa": {"existingSecret": "a"}}},
        "tls.clientCa: needs tls.existingSecret",
    ),
    "every web site and no authentication": (
        {"auth": {"enabled": False}, "http": {"corsOrigins": ["*"]}},
        r"http.corsOrigins: \* goes not with auth.enabled=false",
    ),
    "readers sent to no bucket": ({"redirects": {"downloads": "clients"}}, "redirects.downloads: needs blobs"),
    "uploads sent to no bucket": ({"directUploadBytesMin": "64MiB"}, "directUploadBytesMin: needs blobs"),
    "readers sent to nowhere": (
        {"redirects": {"downloads": "all"}, "blobs": "gs://example/store"},
        "/redirects/downloads",
    ),
    "two authorities of clients": (
        {"tls": {"existingSecret": "t", "clientCa": {"existingSecret": "a", "existingConfigMap": "b"}}},
        "tls.clientCa.existingConfigMap: goes not with",
    ),
    "probes by gRPC over TLS": (
        {"tls": {"existingSecret": "a"}, "probes": {"type": "grpc"}},
        "probes.type: must be http with tls",
    ),
    "an Ingress to nowhere": (
        {"http": {"enabled": False}, "ingress": {"enabled": True, "hosts": ["a.example.org"]}},
        "ingress.enabled: goes not with http.enabled=false",
    ),
    "an Ingress for nobody": ({"ingress": {"enabled": True}}, "ingress.hosts: must name"),
    "links to nowhere": (
        {"http": {"enabled": False, "publicUrl": "https://a.example.org"}},
        "http.enabled: must be true",
    ),
    "previews for no page": (
        {"http": {"previewOrigin": "https://p.example.org"}},
        "http.previewOrigin: needs http.publicUrl",
    ),
    "a route from nowhere": ({"grpcRoute": {"enabled": True}}, "grpcRoute.parentRefs: must name"),
    "a gateway that is kept out": (
        {"networkPolicy": {"enabled": True}, "grpcRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}},
        "networkPolicy.from: must name",
    ),
    "a setting by the back listener": (
        {"extraEnv": [{"name": "ARTIFACTA_INSECURE", "value": "true"}]},
        "extraEnv: ARTIFACTA_INSECURE is set by the chart",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name):
    values, said = REFUSED[name]
    with pytest.raises(helm_python.HelmError, match=f"(?s){said}"):
        render(GOOD | values)


# What the schema refuses, and the template too: Helm can leave the schema out.
WITHOUT_SCHEMA = {
    "two processes in one directory": "replicaCount: must be 0 or 1 without replicas.enabled",
    "replicas without a database": "replicas.enabled: needs index.existingSecret",
    "replicas without a bucket": "replicas.enabled: needs blobs",
}


@pytest.mark.parametrize("name", WITHOUT_SCHEMA)
def test_is_refused_without_the_schema(name, tmp_path):
    shutil.copytree(PATH, tmp_path, dirs_exist_ok=True)
    (tmp_path / "values.schema.json").unlink()
    values, _ = REFUSED[name]
    with pytest.raises(helm_python.HelmError, match=WITHOUT_SCHEMA[name]):
        helm_python.Chart.load(str(tmp_path)).render(GOOD | values, name="release", namespace="agents")


@pytest.mark.parametrize("name", ["1st", "a.b"])
def test_a_release_whose_name_no_service_can_have_is_refused(name):
    with pytest.raises(helm_python.HelmError, match="fullnameOverride: must be given"):
        render(GOOD, name=name)
    render(GOOD | {"fullnameOverride": "store"}, name=name)


def test_an_older_kubernetes_is_refused():
    # By Helm itself; without a cluster it knows no version to compare with.
    assert CHART.metadata["kubeVersion"] == ">=1.29.0-0"


# Their keys are not the chart's: labels, and kinds of resources.
MAPS = {("metrics", "dashboard", "labels")} | {
    (*above, "resources", kind) for above in ((), ("reaper",)) for kind in ("requests", "limits")
}


@pytest.mark.parametrize("path", [path for path in leaves(DEFAULTS) if path[:-1] not in MAPS], ids=".".join)
def test_a_typo_of_every_value_is_refused(path):
    misspelt = (*path[:-1], f"{path[-1]}x")
    with pytest.raises(helm_python.HelmError, match=f"additional properties '{misspelt[-1]}'"):
        CHART.validate_schema(changed(GOOD, misspelt, ""))
