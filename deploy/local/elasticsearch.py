"""Elasticsearch: one node, everything on the loopback interface. What runs in its process: `elasticsearch_node`."""

import http.client
import json
import sys
from pathlib import Path
from typing import Final

from deploy.local.jars import fetch
from deploy.local.jvm import LOG4J, jvm_options
from deploy.local.server import Kind
from hashtide.ports import HOST

HEAP: Final = ("-Xms512m", "-Xmx1g")
NODE_OPTIONS: Final = ("-Dlog4j2.disable.jmx=true",)


def settings(port: int, transport_port: int) -> str:
    """The text of elasticsearch.yml. Names and meanings: Elasticsearch's reference, "Configuring Elasticsearch"."""
    values = {
        "cluster.name": "hashtide-local",
        "node.name": "local",
        "network.host": HOST,
        "http.port": port,
        "transport.port": transport_port,
        "discovery.type": "single-node",
        # It would make indices read-only on a disk that is 95 % full, as a developer's own disk often is.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": 10_000,  # years of daily indices of several kinds, without retention
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def prepare(home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
    """Writes the configuration and returns the node's command line. Raises JarsError."""
    config = home / "config"
    config.mkdir(exist_ok=True)
    (config / "elasticsearch.yml").write_text(settings(*ports))
    (config / "log4j2.properties").write_text(LOG4J)
    options = *jvm_options(home, short_lived), *HEAP, *NODE_OPTIONS
    return [
        sys.executable,
        "-m",
        "deploy.local.elasticsearch_node",
        str(home),
        str(fetch() / "elasticsearch"),
        *options,
    ]


def answers(port: int) -> bool:
    """Whether the node answers and has all its documents at hand. Blocks for two seconds at most.

    "Yellow" is every primary shard assigned: more a single node can't be, where an index asks for replicas.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=2)  # goes by no proxy, as urllib would
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        response = connection.getresponse()
        return response.status == 200 and json.load(response)["status"] in ("yellow", "green")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


KIND: Final = Kind("elasticsearch", "http://" + HOST + ":{port}", 2, prepare, answers)
