"""Elasticsearch: one node, everything on the loopback interface. What runs in its process: `elasticsearch_node`."""

import http.client
import json
import sys
from pathlib import Path
from typing import Final

from deploy.local.jars import fetch
from deploy.local.server import LOG4J, Kind, mark


def settings(port: int, transport_port: int) -> str:
    """The text of elasticsearch.yml. Names and meanings: Elasticsearch's reference, "Configuring Elasticsearch"."""
    values = {
        "cluster.name": "hashtide-local",
        "node.name": "local",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": transport_port,
        "discovery.type": "single-node",
        # A full disk would make indices read-only: here the disk is a developer's own, and mostly full.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": 10_000,  # two months of daily indices, several kinds, and then some
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def prepare(home: Path, ports: tuple[int, ...]) -> list[str]:
    """Writes the configuration and returns the node's command line. Raises JarsError."""
    config = home / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "elasticsearch.yml").write_text(settings(*ports))
    (config / "log4j2.properties").write_text(LOG4J)
    return [
        sys.executable,
        "-m",
        "deploy.local.elasticsearch_node",
        str(home),
        str(fetch() / "elasticsearch"),
        mark(home),
    ]


def answers(port: int) -> bool:
    """Whether the node answers and can take and find documents. Blocks for two seconds at most.

    "Yellow" is every primary shard assigned: more a single node can't be.
    """
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=2
    )  # urllib would go by the proxy of the environment
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        response = connection.getresponse()
        return response.status == 200 and json.load(response)["status"] in ("yellow", "green")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


KIND: Final = Kind("elasticsearch", "http://127.0.0.1:{port}", 2, prepare, answers)
