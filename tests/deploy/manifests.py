"""The shipped Kubernetes manifests."""

from typing import Any

import yaml

from tests.end_to_end.fleet import TOP

FOLDER = TOP / "deploy" / "kubernetes"
FILES = ("flake.yaml", "flake-redis.yaml")
OF_FIELDS = {
    "metadata.labels['apps.kubernetes.io/pod-index']": "2",
    "status.podIP": "10.0.0.7",
}
"""What the third pod is told of itself."""

Document = dict[str, Any]


def documents(file: str) -> list[Document]:
    """All of a file, in its order."""
    return list(yaml.safe_load_all((FOLDER / file).read_text(encoding="utf-8")))


def of_kind(file: str, kind: str) -> list[Document]:
    """Those of a file that are of that kind."""
    return [document for document in documents(file) if document["kind"] == kind]


def workload(file: str) -> Document:
    """`spec` of what makes the pods."""
    (found,) = of_kind(file, "StatefulSet") + of_kind(file, "Deployment")
    spec: Document = found["spec"]
    return spec


def pod(file: str) -> Document:
    """`spec` of each pod."""
    spec: Document = workload(file)["template"]["spec"]
    return spec


def container(file: str) -> Document:
    """The only one of each pod."""
    (found,) = pod(file)["containers"]
    document: Document = found
    return document


def environment(file: str) -> dict[str, str]:
    """That of the third pod."""
    return {variable["name"]: _value(variable) for variable in container(file)["env"]}


def _value(variable: Document) -> str:
    source = variable.get("valueFrom", {})
    if "fieldRef" in source:
        return OF_FIELDS[source["fieldRef"]["fieldPath"]]
    return "secret" if "secretKeyRef" in source else str(variable["value"])
