"""The accounts of docker-compose.yml in Elasticsearch: one for each job, which may do that and no more.

Run as `python -m deploy.docker.accounts FOLDER` by its superuser (HASHTIDE_ELASTICSEARCH_*), once before the others
start, and again after a password was changed: each password is the file NAME_password in the folder. Names of
privileges: Elasticsearch's reference, "Elasticsearch privileges"; of roles: "Built-in roles".
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
"""Built in, and Kibana's own: only its password is ours."""

PATTERNS: Final = sorted(
    pattern for template in packaged_templates().values() for pattern in template["index_patterns"]
)
LOOK: Final = ["read", "view_index_metadata", "maintenance"]  # maintenance: a reader refreshes, to be up to date

ROLES: Final[dict[str, dict[str, Any]]] = {
    # Which templates are there is told to nobody who may not also change them.
    "hashtide_setup": {
        "cluster": ["monitor", "manage_index_templates"],
        # manage: an upgrade adds fields to the mappings of indices that are there
        "indices": [{"names": PATTERNS, "privileges": ["view_index_metadata", "create_index", "manage"]}],
    },
    "hashtide_worker": {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": PATTERNS, "privileges": [*LOOK, "write", "auto_configure"]}],
    },
    "hashtide_retention": {
        "cluster": ["monitor", "manage_index_templates"],
        "indices": [{"names": PATTERNS, "privileges": [*LOOK, "monitor", "delete", "delete_index"]}],
    },
    "hashtide_watch": {"cluster": ["monitor"], "indices": [{"names": PATTERNS, "privileges": LOOK}]},
}

USERS: Final[dict[str, list[str]]] = {
    "hashtide_setup": ["hashtide_setup", "kibana_admin"],  # it imports the dashboards
    "hashtide_worker": ["hashtide_worker"],
    "hashtide_retention": ["hashtide_retention"],
    "hashtide_watch": ["hashtide_watch"],
}
"""Every user, and its roles."""


def make(client: Elasticsearch, passwords: dict[str, str]) -> None:
    """Put roles, users and passwords. Harmless again and again. Blocks; raises what the client raises."""
    client.security.change_password(username=KIBANA, password=passwords["kibana"])
    for name, role in ROLES.items():
        client.security.put_role(name=name, **role)
    for name, roles in USERS.items():
        client.security.put_user(username=name, password=passwords[name], roles=roles)


def passwords(folder: Path) -> dict[str, str]:
    """Every password, by what its file is named after. Reads the disk. Raises WrongSetting."""
    files = {name: f"{name}_password" for name in ("kibana", *USERS)}
    return {name: one_word(file, read_secret(file, folder / file).strip()) for name, file in files.items()}


def main(folder: str) -> None:
    """Make them all, or end with what is wrong and exit status 1 or 2."""
    settings = load(PipelineSettings, os.environ)
    logs.setup(settings)
    try:
        secrets = passwords(Path(folder))
        with session(connection(settings)) as client:
            make(client, secrets)
    except HashtideError as error:
        print(f"accounts: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    log.info("accounts: %s are as they must be", ", ".join((KIBANA, *USERS)))


if __name__ == "__main__":
    main(*sys.argv[1:])
