"""What Kubernetes must say in words of its own, made of the files that say it already: `make kubernetes`.

The alert rules become a PrometheusRule (prometheus-operator.dev, "monitoring.coreos.com/v1"), and the roles of
deploy/docker/accounts.py the Secret that ECK reads roles from (Elastic Cloud on Kubernetes, "Users and roles"), which
holds nothing secret. kustomize can do neither: it puts files into ConfigMaps and Secrets only.
"""

import io
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString, PlainScalarString

from deploy.docker.accounts import ROLES

HERE: Final = Path(__file__).parent
RULES: Final = HERE / "components/monitoring/rules.yaml"
ROLES_SECRET: Final = HERE / "servers/elasticsearch-roles.yaml"

HEADER: Final = "# Made by `make kubernetes` of {of}: change it there.\n"


def rules() -> str:
    """The PrometheusRule with every group of deploy/prometheus/rules, comments and all. Reads files."""
    groups = []
    for file in sorted((HERE.parent / "prometheus/rules").glob("*.yml")):
        groups += _unfolded(YAML().load(file.read_text(encoding="utf-8"))["groups"])
    return HEADER.format(of="deploy/prometheus/rules") + _dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "hashtide"},
            "spec": {"groups": groups},
        }
    )


def roles() -> str:
    """The Secret with the file roles.yml of Elasticsearch's file-based roles."""
    return HEADER.format(of="deploy/docker/accounts.py") + _dump(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "hashtide-elasticsearch-roles"},
            "stringData": {"roles.yml": LiteralScalarString(_dump(ROLES))},
        }
    )


def _unfolded(value: Any) -> Any:
    """The same without folded scalars (`>-`), in place: kustomize writes some of them with a line break more."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(part, FoldedScalarString):
            value[key] = LiteralScalarString(part) if "\n" in part else PlainScalarString(part)
        elif isinstance(part, dict | list):
            _unfolded(part)
    return value


def _dump(value: Any) -> str:
    yaml, text = YAML(), io.StringIO()
    yaml.width = 4096  # a line that is broken elsewhere is another line to whoever compares
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump(value, text)
    return text.getvalue()


if __name__ == "__main__":
    RULES.write_text(rules(), encoding="utf-8")
    ROLES_SECRET.write_text(roles(), encoding="utf-8")
