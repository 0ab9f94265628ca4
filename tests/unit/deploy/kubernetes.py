"""Build deploy/kubernetes for the tests with kubectl, as `kubectl apply -k` does."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from tests.conftest import needs
from tests.paths import ROOT

FOLDER = ROOT / "deploy/kubernetes"
MOUNTED = "/run/secrets/hashtide"
POD_IP = "10.1.2.3"

Resource = dict[str, Any]


class Pod(NamedTuple):
    """A pod that one of our resources starts."""

    owner: Resource
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def component(self) -> str:
        return self.labels["app.kubernetes.io/component"]

    @property
    def container(self) -> dict[str, Any]:
        (only,) = self.spec["containers"]
        return only  # type: ignore[no-any-return]


def kubectl() -> str:
    """The kubectl of the virtual environment that the tests run in, activated or not."""
    program = Path(sys.executable).with_name("kubectl")
    return str(program) if program.exists() else needs("kubectl")


def build(folder: Path) -> list[Resource]:
    """The resources that kustomize builds from a folder. Raises CalledProcessError."""
    done = subprocess.run([kubectl(), "kustomize", folder], check=True, capture_output=True, text=True)
    return [resource for resource in YAML(typ="safe").load_all(done.stdout) if resource]


def build_everything(folder: Path) -> list[Resource]:
    """The example with every producer, built in an empty folder."""
    lines = ["namespace: hashtide", "resources:"]
    lines += [f"- {there(folder, f'producers/{name}')}" for name in ("jetstream", "x", "mastodon")]
    lines += [f"- {there(folder, name)}" for name in ("base", "servers")]
    lines += ["components:", *(f"- {there(folder, f'components/{name}')}" for name in ("keda", "monitoring"))]
    (folder / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return build(folder)


def there(folder: Path, name: str) -> str:
    """The relative path from a folder to one of deploy/kubernetes: kustomize accepts no absolute paths."""
    return os.path.relpath(FOLDER / name, folder)


def named(resources: list[Resource], kind: str) -> dict[str, Resource]:
    """The resources of a kind, by name."""
    return {each["metadata"]["name"]: each for each in resources if each["kind"] == kind}


def pods(resources: list[Resource]) -> Iterator[Pod]:
    """The pods started by our resources."""
    for each in resources:
        if each["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = each["spec"]["template"]
        elif each["kind"] == "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
        else:
            continue
        yield Pod(each, template["metadata"]["labels"], template["spec"])


def environment(pod: Pod, resources: list[Resource]) -> dict[str, str]:
    """The variables of a pod's container, with placeholders for values that only the cluster knows."""
    maps = named(resources, "ConfigMap")
    found: dict[str, str] = {}
    for source in pod.container.get("envFrom", ()):
        found |= maps[source["configMapRef"]["name"]]["data"]
    for each in pod.container["env"]:
        assert each["name"] not in found
        found[each["name"]] = (
            each.get("value") or {"status.podIP": "10.1.2.3"}[each["valueFrom"]["fieldRef"]["fieldPath"]]
        )
    return found


def secret_files(pod: Pod) -> dict[str, tuple[str, str]]:
    """For each secret file of a pod, its Secret and key."""
    (volume,) = [volume for volume in pod.spec["volumes"] if volume["name"] == "secrets"]
    return {
        f"{MOUNTED}/{item['path']}": (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a label selector matches a pod (Kubernetes' "Labels and Selectors"; of its operators, only In)."""
    for expression in selector.get("matchExpressions", ()):
        assert expression["operator"] == "In"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()


def make_secrets(folder: Path) -> dict[str, Resource]:
    """Create secrets in a folder with deploy/kubernetes/make-secrets; returns the Secrets by name."""
    path = f"{Path(kubectl()).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [FOLDER / "make-secrets", folder], check=True, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    return named([each for each in YAML(typ="safe").load_all(done.stdout) if each], "Secret")
