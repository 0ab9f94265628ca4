"""`hashtide setup`: what it does, in which order, and what it says."""

import json
import logging
import os

import click

from hashtide.contract import names
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
@click.option("--kibana", metavar="URL", help="Import the dashboards into Kibana there, too.")
@click.option("--alter-retention", is_flag=True, help="Have topics kept for as long as the settings say.")
@click.option(
    "--add-partitions", is_flag=True, help="Give posts.raw and posts.enriched HASHTIDE_PARTITIONS partitions."
)
@as_json
def setup(kibana: str | None, alter_retention: bool, add_partitions: bool, json_: bool) -> None:
    """Make the topics in Kafka and the index templates in Elasticsearch. Again and again without harm.

    After an upgrade, before workers and producers of the new version start: indices that are there get the fields that
    are new. What a newer version has made stays as it is.

    Topics that are there and kept for another time than the settings (HASHTIDE_RETENTION_RAW_DAYS and the like) say are
    named, and left: with --alter-retention Kafka is told, and what is older goes at once.

    With --add-partitions, topics that are there get more partitions, also while producers and workers run; none can be
    taken away. Do it when the workers are not behind: docs/upgrades.md says why.

    With --kibana, the data views and dashboards come, too, over those of an earlier time. Whose they are imported as is
    said by HASHTIDE_KIBANA_API_KEY_FILE, or by HASHTIDE_KIBANA_USER and HASHTIDE_KIBANA_PASSWORD_FILE.
    """
    settings = load(OperationsSettings, os.environ)
    target = dashboards.target(kibana, settings) if kibana is not None else None  # what is wrong is said at once
    at = connection(settings)
    made = topics.setup(settings)
    otherwise = topics.retention_drift(settings)
    if alter_retention:
        topics.keep(settings, otherwise)
    if add_partitions:
        with Offsets(settings) as offsets:
            behind = offsets.behind(POSTS_RAW) + offsets.behind(names.POSTS_ENRICHED)
        if behind:
            log.warning("the workers are %s records behind: an edit or a deletion may overtake its post", f"{behind:,}")
    grown = topics.add_partitions(settings) if add_partitions else []
    differing = {} if add_partitions else topics.differing(settings)
    put = templates.setup(at)
    extended = templates.extend(at)
    imported = dashboards.setup(target) if target is not None else []
    if json_:
        done = {
            "topics_made": made,
            "partitions_added": grown,
            "retention_differs" if not alter_retention else "retention_altered": [each._asdict() for each in otherwise],
            "templates_put": put,
            "indices_extended": extended,
        }
        click.echo(json.dumps(done | ({"imported_into_kibana": imported} if target else {})))
    else:
        click.echo(f"topics: {', '.join(made) + ' made' if made else 'all there already'}")
        for each in otherwise:
            click.echo(f"{each}{': altered' if alter_retention else ' (setup --alter-retention)'}")
        if grown:
            click.echo(f"partitions: {', '.join(grown)} have {settings.partitions} now")
        for name, partitions in differing.items():
            remedy = "`--add-partitions` adds them" if partitions < settings.partitions else "none can be taken away"
            click.echo(
                f"{name} has {partitions} partitions, and HASHTIDE_PARTITIONS is {settings.partitions}: {remedy}"
            )
        click.echo(f"index templates: {', '.join(put) or 'none'} put")
        if extended:
            click.echo(f"new fields in {len(extended)} indices that were there")
        if imported:
            click.echo(f"in Kibana: {', '.join(imported)}")
