"""Elasticsearch accounts of docker-compose.yml: one per job, with the least privileges.

Run `python -m deploy.docker.accounts FOLDER` as Elasticsearch's superuser (HASHTIDE_ELASTICSEARCH_*), before the other
services start, and again after a password changes. Each password is in the file NAME_password of the folder. Privilege
names: Elasticsearch's reference, "Elasticsearch privileges"; role names: "Built-in roles".
"""

import logging
import os
import sys
from pathlib import Path
from typing import Any, Final

from elasticsearch import Elasticsearch

from hashtide import logs
from hashtide.elasticsearch.client import connection
from hashtide.elasticsearch.session import session
from hashtide.elasticsearch.templates import packaged_templates
from hashtide.errors import HashtideError
from hashtide.secrets import one_word, read_secret
from hashtide.settings import PipelineSettings, load

log = logging.getLogger(__name__)

KIBANA: Final = "kibana_system"
"""Kibana's built-in user. We set only its password."""

PATTERNS: Final = sorted(
    pattern for template in packaged_templates().values() for pattern in template["index_patterns"]
)
READ: Final = ["read", "view_index_metadata", "maintenance"]  # maintenance: readers refresh indices to see new data

ROLES: Final[dict[str, dict[str, Any]]] = {
    # Elasticsearch has no privilege to read templates without also changing them: hence manage_index_templates.
    "hashtide_setup": {
        "cluster": ["monitor", "manage_index_templates"],
        # manage: an upgrade adds fields to the mappings of existing indices
        "indices": [{"names": PATTERNS, "privileges": ["view_index_metadata", "create_index", "manage"]}],
    },
    "hashtide_worker": {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": PATTERNS, "privileges": [*READ, "write", "auto_configure"]}],
    },
    "hashtide_retention": {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": PATTERNS, "privileges": [*READ, "monitor", "delete", "delete_index"]}],
    },
    "hashtide_watch": {"cluster": ["monitor"], "indices": [{"names": PATTERNS, "privileges": READ}]},
}

USERS: Final[dict[str, list[str]]] = {
    "hashtide_setup": ["hashtide_setup", "kibana_admin"],  # imports the dashboards
    "hashtide_worker": ["hashtide_worker"],
    "hashtide_retention": ["hashtide_retention"],
    "hashtide_watch": ["hashtide_watch"],
}
"""User -> roles."""


def make(client: Elasticsearch, passwords: dict[str, str]) -> None:
    """Create or update roles, users and passwords. Idempotent. Blocks. Raises what the client raises."""
    client.security.change_password(username=KIBANA, password=passwords["kibana"])
    for name, role in ROLES.items():
        client.security.put_role(name=name, **role)
    for name, roles in USERS.items():
        client.security.put_user(username=name, password=passwords[name], roles=roles)


def passwords(folder: Path) -> dict[str, str]:
    """Account name -> password. Reads files. Raises WrongSetting."""
    files = {name: f"{name}_password" for name in ("kibana", *USERS)}
    return {name: one_word(file, read_secret(file, folder / file).strip()) for name, file in files.items()}


def main(folder: str) -> None:
    """Create all accounts. On an error, print it and exit with status 1 or 2."""
    settings = load(PipelineSettings, os.environ)
    logs.setup(settings)
    try:
        secrets = passwords(Path(folder))
        with session(connection(settings)) as client:
            make(client, secrets)
    except HashtideError as error:
        print(f"accounts: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    log.info("accounts: %s are up to date", ", ".join((KIBANA, *USERS)))


if __name__ == "__main__":
    main(*sys.argv[1:])
