"""Elasticsearch: one node, on the loopback interface only. Its process runs `elasticsearch_node`."""

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
    """The content of elasticsearch.yml. Settings: Elasticsearch's reference, "Configuring Elasticsearch"."""
    values = {
        "cluster.name": "hashtide-local",
        "node.name": "local",
        "network.host": HOST,
        "http.port": port,
        "transport.port": transport_port,
        "discovery.type": "single-node",
        # The threshold makes indices read-only on a disk that is 95 % full, as developers' disks often are.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "cluster.max_shards_per_node": 10_000,  # years of daily indices of several kinds, without retention
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


def prepare(home: Path, ports: tuple[int, ...], short_lived: bool) -> list[str]:
    """Write the configuration; returns the node's command line. Raises JarsError."""
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
    """Whether the node answers and all primary shards are assigned. Blocks for at most 2 s.

    "Yellow" is the best state of a single node if an index asks for replicas.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=2)  # never uses a proxy, unlike urllib
    try:
        connection.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=1s")
        response = connection.getresponse()
        return response.status == 200 and json.load(response)["status"] in ("yellow", "green")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


KIND: Final = Kind("elasticsearch", "http://" + HOST + ":{port}", 2, prepare, answers)
