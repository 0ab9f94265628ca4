"""All checks, in the order in which one looks: this machine, Kafka, Elasticsearch."""

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
from operations.doctor import elasticsearch_rules, here, kafka_rules, local_rules
from operations.doctor.asking import Asking, judged, knock, short, speaks_tls, within
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
    """What every check says, one after the other, as they end. Blocks, for about half a minute at most; raises
    nothing. Changes nothing anywhere."""
    asking = Asking("this machine")
    yield from judged("settings", local_rules.settings, asking.ask("settings", lambda: here.settings(environ)))
    python, ours = sys.version_info[:2], installed_version("hashtide")
    packages = asking.ask("versions", here.packages)
    yield from judged("versions", lambda found: local_rules.versions(python, ours, found), packages)
    try:
        settings = load(OperationsSettings, environ)
    except WrongSetting:
        rest = OF_SETTINGS + CONNECTIONS[:1] + OF_KAFKA + CONNECTIONS[1:] + OF_ELASTICSEARCH
        yield from (not_checked(check, "a setting is wrong") for check in rest)
        return
    yield from judged("author key", local_rules.key, asking.ask("author key", lambda: here.key(settings)))
    yield from judged("state folder", local_rules.folder, asking.ask("state folder", lambda: here.folder(settings)))
    yield from judged("campaigns", lambda found: found, asking.ask("campaigns", lambda: _campaigns(settings)))
    yield from judged("metrics port", local_rules.metrics, asking.ask("metrics port", lambda: here.metrics(settings)))
    with ExitStack() as stack:
        yield from _kafka(settings, stack, now_ms)
        yield from _elasticsearch(settings, stack)


def _campaigns(settings: OperationsSettings) -> Finding:
    from stream_jobs.domain.campaign import unhashed_id
    from stream_jobs.loading import load_campaigns  # takes a second or two, with all that it brings

    try:
        names = [each.name for each in load_campaigns(settings, unhashed_id).all]
    except HashtideError as error:
        return local_rules.campaigns([], str(error), packaged=False)
    return local_rules.campaigns(names, "", packaged=settings.campaigns is None)


def _kafka(settings: OperationsSettings, stack: ExitStack, now_ms: Callable[[], int]) -> Iterator[Finding]:
    asking = Asking("Kafka")
    brokers = KafkaProbe(settings)
    said = _reach_kafka(settings, brokers, stack)
    yield said
    if said.state == "wrong":
        yield from (not_checked(check, "no Kafka") for check in OF_KAFKA)
        return
    cluster = asking.ask("kafka brokers", brokers.kafka)
    yield from judged("kafka brokers", kafka_rules.brokers, cluster)
    wanted = our_topics.CONFIGS
    topics = asking.ask("topics", lambda: brokers.topics(list(wanted)))
    yield from judged("topics", lambda found: kafka_rules.topics(found, list(wanted), settings.partitions), topics)
    yield from judged(
        "replication", lambda found, kafka: kafka_rules.replication(found, len(kafka.brokers)), topics, cluster
    )
    kept = our_topics.retention(settings)
    yield from judged("topic settings", lambda found: kafka_rules.configs(found, wanted, kept), topics)
    if isinstance(topics, Finding):
        yield from (not_checked(check, "the topics are not known") for check in OF_KAFKA[4:])
        return
    handled = {name: topic for name, topic in topics.items() if name in kafka_rules.HANDLED}
    group = asking.ask("workers", brokers.group)
    positions = asking.ask("lag", lambda: brokers.positions(handled))
    yield from judged(
        "workers",
        lambda found, far: kafka_rules.group(found, handled, sum(each.behind for each in far)),
        group,
        positions,
    )
    retention_ms = {name: int(topic.configs.get("retention.ms", "-1")) for name, topic in topics.items()}
    yield from judged("lag", lambda far: kafka_rules.lag(far, now_ms(), retention_ms), positions)
    letters = asking.ask("dead letters", brokers.letters)
    yield from judged("dead letters", lambda found: kafka_rules.letters(found, now_ms()), letters)
    newest_ms = asking.ask("kafka clock", lambda: brokers.newest_ms(topics))
    yield from judged("kafka clock", lambda newest: _kafka_clock(newest, now_ms()), newest_ms)
    yield from judged(
        "kafka privileges",
        lambda found: kafka_rules.privileges(found, topics, None if isinstance(group, Finding) else group),
        cluster,
    )


def _reach_kafka(settings: OperationsSettings, brokers: KafkaProbe, stack: ExitStack) -> Finding:
    """Whether Kafka is there, and lets us in."""
    name = "kafka connection"
    addresses = settings.kafka.split(",")
    away = {address: why for address in addresses if (why := knock(address))}
    told = "; ".join(f"{address}: {why}" for address, why in away.items())
    if len(away) == len(addresses):
        return wrong(name, f"nobody listens at {told}", "is Kafka running, and is HASHTIDE_KAFKA right?")
    try:
        within(CONNECT_S, brokers.__enter__)
    except Exception as error:  # whatever a client makes of a server that is no Kafka, or of another protocol
        address = next(address for address in addresses if address not in away)
        if isinstance(error, HashtideError) and not isinstance(error, KafkaUnreachable):
            return wrong(name, str(error), "docs/connections.md has what goes with what")
        why = "no answer as of Kafka" if isinstance(error, KafkaUnreachable) else short(error)
        tls = "it speaks TLS" if speaks_tls(address) else "it speaks no TLS"
        do = "is it Kafka, with the protocol and login that are set here? Its own log has more"
        return wrong(name, f"somebody listens at {address}, but: {why}; {tls}", do)
    stack.callback(_closed, lambda: brokers.__exit__(None, None, None))
    if away:
        return warning(name, f"some of HASHTIDE_KAFKA are away: {told}", "bring them back, or take them out of it")
    return ok(name, f"{settings.kafka} answers")


def _kafka_clock(newest_ms: int | None, now_ms: int) -> Finding:
    if newest_ms is None:
        return not_checked("kafka clock", "no record tells what time it is there")
    return local_rules.clock("kafka clock", "Kafka", min(0, now_ms - newest_ms), at_least_only=True)


def _elasticsearch(settings: OperationsSettings, stack: ExitStack) -> Iterator[Finding]:
    asking = Asking("Elasticsearch")
    try:
        at = connection(settings)
    except WrongSetting:
        yield from (not_checked(c, "a setting is wrong") for c in CONNECTIONS[1:] + OF_ELASTICSEARCH)
        return
    store = stack.enter_context(ElasticsearchProbe(at))
    health, said = _reach_elasticsearch(at, store)
    yield said
    if said.state == "wrong":
        yield from (not_checked(check, "no Elasticsearch") for check in OF_ELASTICSEARCH)
        return
    versions = asking.ask("elasticsearch version", store.versions)
    client = installed_version("elasticsearch")
    yield from judged("elasticsearch version", lambda found: elasticsearch_rules.version(found, client), versions)
    unknown = not_checked("cluster health", "this login may not ask: it lacks `monitor`")
    yield from judged("cluster health", elasticsearch_rules.health, health or unknown)
    templates = asking.ask("index templates", store.templates)
    yield from judged(
        "index templates", lambda found: elasticsearch_rules.templates(found, wanted_templates()), templates
    )
    indices = asking.ask("indices", store.indices)
    yield from judged("indices", elasticsearch_rules.indices, indices)
    disks = asking.ask("disk", store.disks)
    yield from judged("disk", lambda found: elasticsearch_rules.disks(*found), disks)
    skew = asking.ask("elasticsearch clock", store.skew)
    yield from judged("elasticsearch clock", _elasticsearch_clock, skew)
    privileges = asking.ask("elasticsearch privileges", store.privileges)
    encrypted, local = at.url.startswith("https:"), _local(at.url)
    yield from judged(
        "elasticsearch privileges",
        lambda found: elasticsearch_rules.privileges(found, encrypted, local),
        privileges,
    )


def _reach_elasticsearch(at: Connection, store: ElasticsearchProbe) -> tuple[Health | None, Finding]:
    """Whether Elasticsearch is there, and lets us in; the health, where we may ask for it."""
    name = "elasticsearch connection"
    login = f", login by {at.login}" if at.login else ", without a login"
    try:
        return within(CONNECT_S, store.health), ok(name, f"{at.url} answers{login}")
    except TlsError as error:
        return None, wrong(name, why_refused(at, error), "docs/docker.md has how to make certificates")
    except AuthenticationException as error:
        return None, wrong(name, why_refused(at, error), "set the login of an account that is there")
    except AuthorizationException as error:
        return None, warning(name, why_refused(at, error), "give its role `monitor`: deploy/docker/accounts.py")
    except ApiError as error:
        do = "it may be starting: ask again; its log has more"
        return None, wrong(name, f"Elasticsearch at {at.url} answers with an error: {short(error)}", do)
    except (TransportError, TimeoutError) as error:
        parts = urlsplit(at.url)
        address = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        why = f"no answer from Elasticsearch at {at.url}: {knock(address) or short(error)}"
        if parts.scheme == "http" and speaks_tls(address):
            return None, wrong(name, f"{why}; it speaks TLS", "begin HASHTIDE_ELASTICSEARCH with https")
        return None, wrong(name, why, "is it running, and is HASHTIDE_ELASTICSEARCH right?")


def _elasticsearch_clock(found: Skew) -> Finding:
    return local_rules.clock("elasticsearch clock", "Elasticsearch", found.ms)


def _local(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _closed(close: Callable[[], object]) -> None:
    with suppress(Exception):  # a server that went away meanwhile
        within(CLOSE_S, close)
