"""`hashtide setup`: its steps, in order, and its output."""

import json
import logging
import os

import click

from hashtide.contract.names import POSTS_RAW
from hashtide.elasticsearch import templates
from hashtide.elasticsearch.client import connection
from hashtide.kafka import topics
from hashtide.kafka.offsets import Offsets
from hashtide.settings import load
from operations import kibana as dashboards
from operations.settings import OperationsSettings
from operations.terminal import as_json

log = logging.getLogger(__name__)


@click.command()
@click.option("--kibana", metavar="URL", help="Also import the dashboards into this Kibana.")
@click.option("--alter-retention", is_flag=True, help="Set the topics' retention to what the settings say.")
@click.option(
    "--add-partitions",
    is_flag=True,
    help="Increase posts.raw (and posts.enriched, if published) to HASHTIDE_PARTITIONS partitions.",
)
@as_json
def setup(kibana: str | None, alter_retention: bool, add_partitions: bool, json_: bool) -> None:
    """Create Kafka topics and Elasticsearch index templates.

    Idempotent. After an upgrade, run it before you start workers and producers of the new version: it adds the new
    fields to existing indices. It changes nothing that a newer version made.

    If an existing topic's retention differs from the settings (HASHTIDE_RETENTION_RAW_DAYS and the like), it is
    reported and not changed. --alter-retention changes it: Kafka deletes older records at once.

    --add-partitions adds partitions to existing topics, also while producers and workers run. Partitions can't be
    removed. Run it when the workers are not behind: docs/upgrades.md says why.

    --kibana imports the data views and dashboards, and overwrites earlier ones. Credentials:
    HASHTIDE_KIBANA_API_KEY_FILE, or HASHTIDE_KIBANA_USER and HASHTIDE_KIBANA_PASSWORD_FILE.
    """
    settings = load(OperationsSettings, os.environ)
    target = dashboards.target(kibana, settings) if kibana is not None else None  # fail before changing anything
    at = connection(settings)
    created = topics.setup(settings)
    drift = topics.retention_drift(settings)
    if alter_retention:
        topics.keep(settings, drift)
    if add_partitions:
        with Offsets(settings) as offsets:
            behind = offsets.behind(POSTS_RAW)
        if behind:
            log.warning("workers are %s records behind: an edit or a deletion may overtake its post", f"{behind:,}")
    grown = topics.add_partitions(settings) if add_partitions else []
    differing = {} if add_partitions else topics.differing(settings)
    updated = templates.setup(at)
    extended = templates.extend(at)
    imported = dashboards.setup(target) if target is not None else []
    if json_:
        done = {
            "topics_made": created,
            "partitions_added": grown,
            "retention_differs" if not alter_retention else "retention_altered": [each._asdict() for each in drift],
            "templates_put": updated,
            "indices_extended": extended,
        }
        click.echo(json.dumps(done | ({"imported_into_kibana": imported} if target else {})))
    else:
        click.echo(f"topics: {', '.join(created) + ' created' if created else 'all exist already'}")
        for each in drift:
            click.echo(f"{each}{': altered' if alter_retention else ' (setup --alter-retention)'}")
        if grown:
            click.echo(f"partitions: {', '.join(grown)} now have {settings.partitions}")
        for name, partitions in differing.items():
            remedy = (
                "`--add-partitions` adds them" if partitions < settings.partitions else "partitions can't be removed"
            )
            click.echo(f"{name} has {partitions} partitions, HASHTIDE_PARTITIONS is {settings.partitions}: {remedy}")
        click.echo(f"index templates: {', '.join(updated) or 'none'} updated")
        if extended:
            click.echo(f"new fields added to {len(extended)} existing indices")
        if imported:
            click.echo(f"imported into Kibana: {', '.join(imported)}")
