"""All checks, in order: this machine, Kafka, Elasticsearch."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from importlib.metadata import version as installed_version
from typing import Final
from urllib.parse import urlsplit

from elastic_transport import TlsError, TransportError
from elasticsearch import ApiError, AuthenticationException, AuthorizationException

from hashtide.clock import wall_clock_ms
from hashtide.elasticsearch.client import Connection, connection
from hashtide.elasticsearch.session import why_refused
from hashtide.errors import HashtideError
from hashtide.kafka import topics as our_topics
from hashtide.kafka.clients import KafkaUnreachable
from hashtide.settings import WrongSetting, load
from operations.doctor import elasticsearch_rules, kafka_rules, local, local_rules
from operations.doctor.checks import CheckRunner, apply_rule, call_with_timeout, one_line, speaks_tls, why_unreachable
from operations.doctor.elasticsearch import ElasticsearchProbe, wanted_templates
from operations.doctor.facts import Health, Skew
from operations.doctor.findings import Finding, not_checked, ok, warning, wrong
from operations.doctor.kafka import KafkaProbe
from operations.settings import OperationsSettings

CONNECT_S: Final = 12.0
CLOSE_S: Final = 2.0

OF_SETTINGS: Final = ("author key", "state folder", "campaigns", "metrics port")
OF_KAFKA: Final = (
    "kafka brokers",
    "topics",
    "replication",
    "topic settings",
    "workers",
    "lag",
    "dead letters",
    "kafka clock",
    "kafka privileges",
)
OF_ELASTICSEARCH: Final = (
    "elasticsearch version",
    "cluster health",
    "index templates",
    "indices",
    "disk",
    "elasticsearch clock",
    "elasticsearch privileges",
)
CONNECTIONS: Final = ("kafka connection", "elasticsearch connection")


def examine(environ: Mapping[str, str], now_ms: Callable[[], int] = wall_clock_ms) -> Iterator[Finding]:
    """Run all checks; yields each finding as soon as it is known. Blocks for about half a minute at most. Raises
    nothing. Changes nothing."""
    runner = CheckRunner("this machine")
    yield from apply_rule("settings", local_rules.settings, runner.run("settings", lambda: local.settings(environ)))
    python, ours = sys.version_info[:2], installed_version("hashtide")
    packages = runner.run("versions", local.packages)
    yield from apply_rule("versions", lambda found: local_rules.versions(python, ours, found), packages)
    try:
        settings = load(OperationsSettings, environ)
    except WrongSetting:
        rest = OF_SETTINGS + CONNECTIONS[:1] + OF_KAFKA + CONNECTIONS[1:] + OF_ELASTICSEARCH
        yield from (not_checked(check, "a setting is wrong") for check in rest)
        return
    yield from apply_rule("author key", local_rules.key, runner.run("author key", lambda: local.key(settings)))
    yield from apply_rule(
        "state folder", local_rules.folder, runner.run("state folder", lambda: local.folder(settings))
    )
    yield from apply_rule("campaigns", lambda found: found, runner.run("campaigns", lambda: _campaigns(settings)))
    yield from apply_rule(
        "metrics port", local_rules.metrics, runner.run("metrics port", lambda: local.metrics(settings))
    )
    with ExitStack() as stack:
        yield from _kafka(settings, stack, now_ms)
        yield from _elasticsearch(settings, stack)


def _campaigns(settings: OperationsSettings) -> Finding:
    from stream_jobs.domain.campaign import unhashed_id
    from stream_jobs.loading import load_campaigns  # importing it takes a second or two

    try:
        names = [each.name for each in load_campaigns(settings, unhashed_id).all]
    except HashtideError as error:
        return local_rules.campaigns([], str(error), packaged=False)
    return local_rules.campaigns(names, "", packaged=settings.campaigns is None)


def _kafka(settings: OperationsSettings, stack: ExitStack, now_ms: Callable[[], int]) -> Iterator[Finding]:
    runner = CheckRunner("Kafka")
    probe = KafkaProbe(settings)
    connected = _connect_kafka(settings, probe, stack)
    yield connected
    if connected.state == "wrong":
        yield from (not_checked(check, "no Kafka") for check in OF_KAFKA)
        return
    cluster = runner.run("kafka brokers", probe.cluster)
    yield from apply_rule("kafka brokers", kafka_rules.brokers, cluster)
    wanted = {name: our_topics.CONFIGS[name] for name in our_topics.wanted(settings)}
    topics = runner.run("topics", lambda: probe.topics(list(wanted)))
    yield from apply_rule("topics", lambda found: kafka_rules.topics(found, list(wanted), settings.partitions), topics)
    yield from apply_rule(
        "replication", lambda found, kafka: kafka_rules.replication(found, len(kafka.brokers)), topics, cluster
    )
    kept = our_topics.retention(settings)
    yield from apply_rule("topic settings", lambda found: kafka_rules.configs(found, wanted, kept), topics)
    if isinstance(topics, Finding):
        yield from (not_checked(check, "topics unknown") for check in OF_KAFKA[4:])
        return
    handled = {name: topic for name, topic in topics.items() if name in kafka_rules.HANDLED}
    group = runner.run("workers", probe.group)
    positions = runner.run("lag", lambda: probe.positions(handled))
    yield from apply_rule(
        "workers",
        lambda found, offsets: kafka_rules.group(found, handled, sum(each.behind for each in offsets)),
        group,
        positions,
    )
    retention_ms = {name: int(topic.configs.get("retention.ms", "-1")) for name, topic in topics.items()}
    yield from apply_rule("lag", lambda found: kafka_rules.lag(found, now_ms(), retention_ms), positions)
    letters = runner.run("dead letters", probe.letters)
    yield from apply_rule("dead letters", lambda found: kafka_rules.letters(found, now_ms()), letters)
    newest_ms = runner.run("kafka clock", lambda: probe.newest_ms(topics))
    yield from apply_rule("kafka clock", lambda found_ms: _kafka_clock(found_ms, now_ms()), newest_ms)
    yield from apply_rule(
        "kafka privileges",
        lambda found: kafka_rules.privileges(found, topics, None if isinstance(group, Finding) else group),
        cluster,
    )


def _connect_kafka(settings: OperationsSettings, probe: KafkaProbe, stack: ExitStack) -> Finding:
    """Connect and log in to Kafka."""
    name = "kafka connection"
    addresses = settings.kafka.split(",")
    unreachable = {address: why for address in addresses if (why := why_unreachable(address))}
    reasons = "; ".join(f"{address}: {why}" for address, why in unreachable.items())
    if len(unreachable) == len(addresses):
        return wrong(name, f"Kafka is unreachable: {reasons}", "check that Kafka runs and that HASHTIDE_KAFKA is right")
    try:
        call_with_timeout(CONNECT_S, probe.__enter__)
    except Exception as error:  # a server that is not Kafka, or uses another protocol, may cause any error
        address = next(address for address in addresses if address not in unreachable)
        if isinstance(error, HashtideError) and not isinstance(error, KafkaUnreachable):
            return wrong(name, str(error), "see docs/connections.md for the settings that belong together")
        why = "no Kafka answer" if isinstance(error, KafkaUnreachable) else one_line(error)
        tls = "it uses TLS" if speaks_tls(address) else "it does not use TLS"
        do = "check that it is Kafka, and the protocol and login that are set here; read Kafka's log"
        return wrong(name, f"connected to {address}, but: {why}; {tls}", do)
    stack.callback(_close, lambda: probe.__exit__(None, None, None))
    if unreachable:
        what = f"some addresses of HASHTIDE_KAFKA are unreachable: {reasons}"
        return warning(name, what, "bring them back, or remove them from HASHTIDE_KAFKA")
    return ok(name, f"{settings.kafka} answers")


def _kafka_clock(newest_ms: int | None, now_ms: int) -> Finding:
    if newest_ms is None:
        return not_checked("kafka clock", "no record shows the broker's time")
    return local_rules.clock("kafka clock", "Kafka", min(0, now_ms - newest_ms), at_least_only=True)


def _elasticsearch(settings: OperationsSettings, stack: ExitStack) -> Iterator[Finding]:
    runner = CheckRunner("Elasticsearch")
    try:
        at = connection(settings)
    except WrongSetting:
        yield from (not_checked(c, "a setting is wrong") for c in CONNECTIONS[1:] + OF_ELASTICSEARCH)
        return
    probe = stack.enter_context(ElasticsearchProbe(at))
    health, connected = _connect_elasticsearch(at, probe)
    yield connected
    if connected.state == "wrong":
        yield from (not_checked(check, "no Elasticsearch") for check in OF_ELASTICSEARCH)
        return
    versions = runner.run("elasticsearch version", probe.versions)
    client = installed_version("elasticsearch")
    yield from apply_rule("elasticsearch version", lambda found: elasticsearch_rules.version(found, client), versions)
    unknown = not_checked("cluster health", "this login lacks `monitor`")
    yield from apply_rule("cluster health", elasticsearch_rules.health, health or unknown)
    templates = runner.run("index templates", probe.templates)
    yield from apply_rule(
        "index templates", lambda found: elasticsearch_rules.templates(found, wanted_templates()), templates
    )
    indices = runner.run("indices", probe.indices)
    yield from apply_rule("indices", elasticsearch_rules.indices, indices)
    disks = runner.run("disk", probe.disks)
    yield from apply_rule("disk", lambda found: elasticsearch_rules.disks(*found), disks)
    skew = runner.run("elasticsearch clock", probe.skew)
    yield from apply_rule("elasticsearch clock", _elasticsearch_clock, skew)
    privileges = runner.run("elasticsearch privileges", probe.privileges)
    encrypted, on_this_machine = at.url.startswith("https:"), _is_local(at.url)
    yield from apply_rule(
        "elasticsearch privileges",
        lambda found: elasticsearch_rules.privileges(found, encrypted, on_this_machine),
        privileges,
    )


def _connect_elasticsearch(at: Connection, probe: ElasticsearchProbe) -> tuple[Health | None, Finding]:
    """Connect and log in to Elasticsearch; its health, if the login may read it."""
    name = "elasticsearch connection"
    login = f", login by {at.login}" if at.login else ", without a login"
    try:
        return call_with_timeout(CONNECT_S, probe.health), ok(name, f"{at.url} answers{login}")
    except TlsError as error:
        return None, wrong(name, why_refused(at, error), "make certificates as in docs/docker.md")
    except AuthenticationException as error:
        return None, wrong(name, why_refused(at, error), "set the credentials of an existing account")
    except AuthorizationException as error:
        return None, warning(name, why_refused(at, error), "give its role `monitor`: deploy/docker/accounts.py")
    except ApiError as error:
        do = "it may still be starting: try again; read its log"
        return None, wrong(name, f"Elasticsearch at {at.url} answers with an error: {one_line(error)}", do)
    except (TransportError, TimeoutError) as error:
        parts = urlsplit(at.url)
        address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        why = f"no answer from Elasticsearch at {at.url}: {why_unreachable(address) or one_line(error)}"
        if parts.scheme == "http" and speaks_tls(address):
            return None, wrong(name, f"{why}; it uses TLS", "start HASHTIDE_ELASTICSEARCH with https")
        return None, wrong(name, why, "check that it runs and that HASHTIDE_ELASTICSEARCH is right")


def _elasticsearch_clock(found: Skew) -> Finding:
    return local_rules.clock("elasticsearch clock", "Elasticsearch", found.ms)


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _close(close: Callable[[], object]) -> None:
    with suppress(Exception):  # the server may be gone by now
        call_with_timeout(CLOSE_S, close)
