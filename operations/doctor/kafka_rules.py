"""What is found in Kafka, and what it means. Pure. Settings of topics: Kafka's documentation, "Topic Configs"."""

from collections.abc import Mapping, Sequence

from hashtide.contract.names import POSTS_DEAD, POSTS_ENRICHED, POSTS_RAW
from hashtide.kafka.topics import RetentionDrift
from hashtide.outages import duration_text
from operations.doctor.facts import KafkaCluster, Letters, PartitionProgress, TopicFacts, WorkerGroup
from operations.doctor.findings import Finding, not_checked, ok, unless, warning, wrong

OLDEST_MAJOR = 4
SAFE_REPLICAS = 3
LAG_WARN_S = 120
"""The alert ConsumerLagGrowing's threshold."""

HANDLED = (POSTS_RAW, POSTS_ENRICHED)

ADD = "hashtide setup --add-partitions"

MUST = ("message.timestamp.type", "max.message.bytes")
"""Settings of topics that Hashtide does not work without; others may be somebody's choice."""

NEEDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "a producer": {POSTS_RAW: ("WRITE", "DESCRIBE"), POSTS_DEAD: ("WRITE", "DESCRIBE")},
    "a worker": {
        POSTS_RAW: ("READ", "DESCRIBE"),
        POSTS_ENRICHED: ("READ", "WRITE", "DESCRIBE"),
        POSTS_DEAD: ("WRITE", "DESCRIBE"),
        "group": ("READ",),
    },
    "setup": dict.fromkeys((POSTS_RAW, POSTS_ENRICHED, POSTS_DEAD), ("CREATE", "DESCRIBE", "DESCRIBE_CONFIGS")),
}
"""Who needs which operations of what: Kafka's documentation, "Authorization and ACLs". Create of the cluster is that of
every topic. What is not there yet tells nothing of what may be done with it."""


def brokers(found: KafkaCluster) -> list[Finding]:
    """Brokers of a version that this is tested with, all of them in the cluster."""
    name, findings = "kafka brokers", []
    if int(found.version.partition(".")[0]) < OLDEST_MAJOR:
        do = "Hashtide is tested with Kafka 4: bring the brokers there"
        findings.append(warning(name, f"Kafka speaks as {found.version} does", do))
    for broker in found.brokers:
        if broker.fenced:
            what = f"broker {broker.id} at {broker.address} is fenced: it takes part in nothing"
            findings.append(warning(name, what, "read its log: it has not reported to the controller"))
    return unless(findings, ok(name, f"{count(len(found.brokers), 'broker')}, Kafka {found.version}"))


def topics(found: Mapping[str, TopicFacts], wanted: Sequence[str], partitions: int) -> list[Finding]:
    """All topics are there, with partitions that go together, and each partition has a leader."""
    name, findings = "topics", []
    if missing := [topic for topic in wanted if topic not in found]:
        findings.append(wrong(name, f"missing: {', '.join(missing)}; no worker starts", "hashtide setup"))
    raw, enriched = found.get(POSTS_RAW), found.get(POSTS_ENRICHED)
    if raw and enriched and enriched.partitions < raw.partitions:
        what = (
            f"{POSTS_ENRICHED} has {enriched.partitions} partitions and {POSTS_RAW} {raw.partitions}: no worker starts"
        )
        findings.append(wrong(name, what, f"HASHTIDE_PARTITIONS={raw.partitions} {ADD}"))
    elif raw and enriched and enriched.partitions > raw.partitions:
        what = f"{POSTS_ENRICHED} has {enriched.partitions} partitions and {POSTS_RAW} {raw.partitions}"
        findings.append(warning(name, what, f"the rest lie idle: HASHTIDE_PARTITIONS={enriched.partitions} {ADD}"))
    elif raw and enriched and raw.partitions < partitions:
        what = f"{POSTS_RAW} and {POSTS_ENRICHED} have {raw.partitions} partitions, HASHTIDE_PARTITIONS is {partitions}"
        findings.append(warning(name, what, f"{ADD} (docs/upgrades.md), or set it to {raw.partitions}"))
    for topic in found.values():
        if topic.leaderless:
            what = f"{topic.name}: no leader for partition {numbers(topic.leaderless)}: nobody can read or write there"
            findings.append(wrong(name, what, "bring the brokers back that have its replicas"))
        elif topic.out_of_sync:
            what = f"{topic.name}: replicas are behind or away in partition {numbers(topic.out_of_sync)}"
            findings.append(warning(name, what, "look at the brokers: one is down, or too slow"))
    all_well = ", ".join(f"{topic.name} ({topic.partitions})" for topic in found.values())
    if raw and raw.partitions > partitions and not findings:
        says = f"{all_well} partitions; HASHTIDE_PARTITIONS is {partitions}, and Kafka takes none away"
        return [ok(name, says)]
    return unless(findings, ok(name, f"{all_well} partitions, each with its leader"))


def replication(found: Mapping[str, TopicFacts], brokers: int) -> list[Finding]:
    """What a broker takes with it when it dies, and whether the others go on."""
    name, findings = "replication", []
    for topic in found.values():
        needed = int(topic.configs.get("min.insync.replicas", "1"))
        if needed > topic.replicas:
            have = f"min.insync.replicas is {needed} of {count(topic.replicas, 'replica')}"
            do = f"set it to {max(1, topic.replicas - 1)}, or give the topic more replicas"
            findings.append(wrong(name, f"{topic.name}: {have}: nothing can be written", do))
        elif topic.fewest_in_sync < needed:
            what = f"{topic.name}: {topic.fewest_in_sync} replicas are in sync, and min.insync.replicas is {needed}"
            findings.append(wrong(name, what, "nothing can be written there until the other brokers are back"))
        elif topic.replicas > 1 and needed == topic.replicas:
            what = f"{topic.name}: min.insync.replicas is {needed} of {topic.replicas}: one broker away stops it"
            findings.append(warning(name, what, f"set it to {needed - 1}"))
        elif topic.replicas >= SAFE_REPLICAS and needed == 1:
            what = f"{topic.name}: min.insync.replicas is 1: one broker's word is enough, and may die with it"
            findings.append(warning(name, what, "set it to 2"))
        elif topic.replicas < SAFE_REPLICAS <= brokers:
            what = f"{topic.name}: {count(topic.replicas, 'replica')}, and there are {brokers} brokers"
            do = f"give it {SAFE_REPLICAS}: kafka-reassign-partitions; new topics: HASHTIDE_REPLICATION={SAFE_REPLICAS}"
            findings.append(warning(name, what, do))
    if not found:
        return [not_checked(name, "no topics")]
    fewest = min(topic.replicas for topic in found.values())
    if brokers == 1:
        return unless(findings, ok(name, "one broker: what it has is gone when its disk is. Production has three"))
    return unless(findings, ok(name, f"{fewest} replicas on {brokers} brokers"))


def configs(
    found: Mapping[str, TopicFacts], wanted: Mapping[str, Mapping[str, str]], kept: Mapping[str, Mapping[str, int]]
) -> list[Finding]:
    """Topics are configured as `hashtide setup` makes them. `kept`: how long, which it alters on demand."""
    name, findings = "topic settings", []
    for topic, must in wanted.items():
        if topic not in found or not found[topic].configs:
            continue
        for option, value in must.items():
            there = found[topic].configs.get(option, "")
            if _same(option, there, value):
                continue
            do = f"kafka-configs --alter --topic {topic} --add-config '{option}={value}'"
            if option in MUST and not (option == "max.message.bytes" and int(there or 0) > int(value)):
                findings.append(wrong(name, f"{topic}: {option} is {there}, must be {value}", do))
            else:
                findings.append(warning(name, f"{topic}: {option} is {there}, setup makes it {value}", do))
        for option, wanted_ms in kept[topic].items():
            if (is_ms := int(found[topic].configs.get(option, wanted_ms))) == wanted_ms:
                continue
            do = "hashtide setup --alter-retention"
            if option == "retention.ms":
                do += f", or set HASHTIDE_RETENTION_{topic.removeprefix('posts.').upper()}_DAYS to what is meant"
            if is_ms < 0 or is_ms > wanted_ms:
                do += ": what is older goes at once"
            findings.append(warning(name, str(RetentionDrift(topic, option, is_ms, wanted_ms)), do))
    if not found:
        return [not_checked(name, "no topics")]
    if not any(topic.configs for topic in found.values()):
        return [not_checked(name, "Kafka does not tell: this login lacks DESCRIBE_CONFIGS")]
    return unless(findings, ok(name, "as `hashtide setup` makes them"))


def group(found: WorkerGroup, topics: Mapping[str, TopicFacts], behind: int) -> list[Finding]:
    """Workers run, and every partition is somebody's. `behind`: records that wait."""
    name, who = "workers", f"group {found.name}"
    if found.members == 0:
        if behind:
            return [wrong(name, f"no worker in {who}, and {behind:,} records wait", "hashtide worker")]
        return [warning(name, f"no worker in {who}", "hashtide worker")]
    if found.state != "Stable":
        do = "ask again in some seconds; if it stays like this, read the workers' logs: one may start again and again"
        return [warning(name, f"{who} is dividing its partitions anew ({found.state})", do)]
    findings = []
    for topic in (topics[each] for each in HANDLED if each in topics):
        orphans = sorted(set(range(topic.partitions)) - found.assigned.get(topic.name, frozenset()))
        if orphans:
            what = f"{topic.name}: partition {numbers(orphans)} is nobody's: what comes there is not counted"
            findings.append(wrong(name, what, f"start the workers again; is HASHTIDE_GROUP={found.name} theirs alone?"))
    most = max((topic.partitions for topic in topics.values()), default=0)
    idle = f"; {found.members - most} of them lie idle" if found.members > most else ""
    return unless(findings, ok(name, f"{count(found.members, 'worker')} in {who}, every partition is somebody's{idle}"))


def lag(found: Sequence[PartitionProgress], now_ms: int, retention_ms: Mapping[str, int]) -> list[Finding]:
    """How far workers are behind, and whether the retention will overtake them. `now_ms` is the broker's clock."""
    name, findings = "lag", []
    for each in found:
        where = f"{each.topic} partition {each.partition}"
        waited_s = max(0, now_ms - each.waiting_since_ms) / 1000 if each.waiting_since_ms is not None else None
        if each.lost:
            what = f"{where}: {each.lost:,} records were taken away by the retention before they were counted"
            do = "give it a longer retention; send what is missing again (docs/sources.md)"
            findings.append(wrong(name, what, do))
        if not each.behind or waited_s is None:
            continue
        says = f"{where}: {each.behind:,} records wait, the first for {duration_text(waited_s)}"
        limit_ms = retention_ms.get(each.topic, -1)
        if 0 < limit_ms < 2 * waited_s * 1000:
            do = f"start workers at once: Kafka drops what is older than {duration_text(limit_ms / 1000)}"
            findings.append(wrong(name, says, do))
        elif waited_s >= LAG_WARN_S:
            do = "start more workers, up to the number of partitions; docs/runbook.md, ConsumerLagGrowing"
            findings.append(warning(name, says, do))
    behind = {topic: sum(each.behind for each in found if each.topic == topic) for topic in HANDLED}
    return unless(findings, ok(name, ", ".join(f"{topic}: {n:,} records" for topic, n in behind.items()) + " wait"))


def letters(found: Letters, now_ms: int) -> Finding:
    """Nothing lies in posts.dead."""
    name = "dead letters"
    if not found.records or found.newest_reason is None:
        return ok(name, "none" if not found.records else "none, as far as the newest records tell")
    ago = duration_text(max(0, now_ms - (found.newest_ms or now_ms)) / 1000)
    what = f"up to {found.records:,}; the newest came {ago} ago: {found.newest_reason}"
    return warning(name, what, "hashtide dlq list; docs/dead-letters.md has what helps against each reason")


def privileges(kafka: KafkaCluster, topics: Mapping[str, TopicFacts], group: WorkerGroup | None) -> Finding:
    """What our login may do, and so what it is good for."""
    name = "kafka privileges"
    operations = {topic.name: topic.operations for topic in topics.values()}
    operations |= {"cluster": kafka.operations, "group": group.operations if group else None}
    creates = "CREATE" in (kafka.operations or ())
    missing: dict[str, list[str]] = {role: [] for role in NEEDS}
    for role, needs in NEEDS.items():
        for what, needed in needs.items():
            if (have := operations.get(what)) is not None:
                lacking = [each for each in needed if each not in have and not (creates and each == "CREATE")]
                missing[role] += [f"{' and '.join(lacking)} of {what}"] if lacking else []
    if all(have is None for have in operations.values()):
        return not_checked(name, "Kafka does not say what we may do")
    able = [role for role, lacks in missing.items() if not lacks]
    lacks = "; ".join(f"{role} lacks {', '.join(what)}" for role, what in missing.items() if what)
    if not lacks:
        return ok(name, f"enough for {', '.join(able)}")
    if able:
        return ok(name, f"enough for {', '.join(able)}; {lacks}")
    return wrong(name, lacks, "give this login the ACLs of what it is for: kafka-acls --add")


def numbers(partitions: Sequence[int]) -> str:
    """Partitions for people; not a page of them."""
    shown = ", ".join(map(str, partitions[:8]))
    return shown if len(partitions) <= 8 else f"{shown} and {len(partitions) - 8} more"


def count(number: int, what: str) -> str:
    """A number of things."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _same(option: str, there: str, wanted: str) -> bool:
    if option == "cleanup.policy":  # a list, in any order
        return set(there.split(",")) == set(wanted.split(","))
    return there == wanted
