"""As much of an API server of Kubernetes as `lookup` asks: what kinds there are, and objects that were made."""

import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import helm_python
from chart import Tree

SECRETS = {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret", "verbs": ["get"]}
KINDS = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "v1", "resources": [SECRETS]}


@contextmanager
def cluster(namespace: str):
    """Gives a connection of Helm, and the Secrets that are there, by their names."""
    secrets: Tree = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            above = f"/api/v1/namespaces/{namespace}/secrets/"
            found = KINDS if path == "/api/v1" else secrets.get(path.removeprefix(above))
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            self.send_response(404 if found is None else 200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found or missing).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nothing reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "users": [{"name": "me", "user": {}}],
    }
    try:
        yield helm_python.Config(kubeconfig_content=json.dumps(kubeconfig), namespace=namespace), secrets
    finally:
        server.shutdown()
        server.server_close()
