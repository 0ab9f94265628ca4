"""Findings from the facts about Kafka. Pure. Settings of topics: Kafka's documentation, "Topic Configs"."""

from collections.abc import Mapping, Sequence

from hashtide.contract.names import POSTS_DEAD, POSTS_ENRICHED, POSTS_RAW
from hashtide.kafka.topics import RetentionDrift
from hashtide.outages import duration_text
from operations.doctor.facts import KafkaCluster, Letters, PartitionProgress, TopicFacts, WorkerGroup
from operations.doctor.findings import Finding, findings_or, not_checked, ok, warning, wrong

OLDEST_MAJOR = 4
"""Oldest major version of Kafka that Hashtide is tested with."""
SAFE_REPLICAS = 3
LAG_WARN_S = 120
"""Threshold of the alert ConsumerLagGrowing, in seconds."""

HANDLED = (POSTS_RAW,)
"""Topics that workers read."""

ADD = "hashtide setup --add-partitions"

MUST = ("message.timestamp.type", "max.message.bytes")
"""Settings of topics that Hashtide requires. The others may be changed on purpose."""

NEEDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "a producer": {POSTS_RAW: ("WRITE", "DESCRIBE"), POSTS_DEAD: ("WRITE", "DESCRIBE")},
    "a worker": {
        POSTS_RAW: ("READ", "WRITE", "DESCRIBE"),
        POSTS_ENRICHED: ("WRITE", "DESCRIBE"),
        POSTS_DEAD: ("WRITE", "DESCRIBE"),
        "group": ("READ",),
    },
    "setup": dict.fromkeys((POSTS_RAW, POSTS_ENRICHED, POSTS_DEAD), ("CREATE", "DESCRIBE", "DESCRIBE_CONFIGS")),
}
"""Operations that each role needs: Kafka's documentation, "Authorization and ACLs". CREATE on the cluster allows to
create every topic. The privileges on a topic or group that does not exist are unknown."""


def brokers(found: KafkaCluster) -> list[Finding]:
    """All brokers have a supported version and take part in the cluster."""
    name, findings = "kafka brokers", []
    if int(found.version.partition(".")[0]) < OLDEST_MAJOR:
        do = "upgrade the brokers: Hashtide is tested with Kafka 4"
        findings.append(warning(name, f"the protocol version of Kafka is {found.version}", do))
    for broker in found.brokers:
        if broker.fenced:
            what = f"broker {broker.id} at {broker.address} is fenced: it serves no clients"
            findings.append(warning(name, what, "read its log: it has not reported to the controller"))
    return findings_or(findings, ok(name, f"{count(len(found.brokers), 'broker')}, Kafka {found.version}"))


def topics(found: Mapping[str, TopicFacts], wanted: Sequence[str], partitions: int) -> list[Finding]:
    """All topics exist, posts.raw has enough partitions, and each partition has a leader."""
    name, findings = "topics", []
    if missing := [topic for topic in wanted if topic not in found]:
        findings.append(wrong(name, f"missing: {', '.join(missing)}; workers do not start", "hashtide setup"))
    raw = found.get(POSTS_RAW)
    if raw and raw.partitions < partitions:
        what = f"{POSTS_RAW} has {raw.partitions} partitions, HASHTIDE_PARTITIONS is {partitions}"
        findings.append(warning(name, what, f"{ADD} (docs/upgrades.md), or set it to {raw.partitions}"))
    for topic in found.values():
        if topic.leaderless:
            what = f"{topic.name}: no leader for partition {numbers(topic.leaderless)}: it cannot be read or written"
            findings.append(wrong(name, what, "start the brokers that have its replicas"))
        elif topic.out_of_sync:
            what = f"{topic.name}: replicas are behind or offline in partition {numbers(topic.out_of_sync)}"
            findings.append(warning(name, what, "check the brokers: one is down, or too slow"))
    all_well = ", ".join(f"{topic.name} ({topic.partitions})" for topic in found.values())
    if raw and raw.partitions > partitions and not findings:
        says = f"{all_well} partitions; HASHTIDE_PARTITIONS is {partitions}, and Kafka cannot remove partitions"
        return [ok(name, says)]
    return findings_or(findings, ok(name, f"{all_well} partitions, each with its leader"))


def replication(found: Mapping[str, TopicFacts], brokers: int) -> list[Finding]:
    """Whether records survive the loss of a broker, and can still be written after it."""
    name, findings = "replication", []
    for topic in found.values():
        needed = int(topic.configs.get("min.insync.replicas", "1"))
        if needed > topic.replicas:
            have = f"min.insync.replicas is {needed} of {count(topic.replicas, 'replica')}"
            do = f"set it to {max(1, topic.replicas - 1)}, or give the topic more replicas"
            findings.append(wrong(name, f"{topic.name}: {have}: nothing can be written", do))
        elif topic.fewest_in_sync < needed:
            what = f"{topic.name}: {topic.fewest_in_sync} replicas are in sync, and min.insync.replicas is {needed}"
            findings.append(wrong(name, what, "nothing can be written until more brokers run: start them"))
        elif topic.replicas > 1 and needed == topic.replicas:
            have = f"min.insync.replicas is {needed} of {topic.replicas}"
            what = f"{topic.name}: {have}: nothing can be written if one broker stops"
            findings.append(warning(name, what, f"set it to {needed - 1}"))
        elif topic.replicas >= SAFE_REPLICAS and needed == 1:
            what = f"{topic.name}: min.insync.replicas is 1: records are acknowledged when only one broker has them"
            findings.append(warning(name, what, "set it to 2"))
        elif topic.replicas < SAFE_REPLICAS <= brokers:
            what = f"{topic.name}: {count(topic.replicas, 'replica')}, and there are {brokers} brokers"
            do = f"give it {SAFE_REPLICAS}: kafka-reassign-partitions; new topics: HASHTIDE_REPLICATION={SAFE_REPLICAS}"
            findings.append(warning(name, what, do))
    if not found:
        return [not_checked(name, "no topics")]
    fewest = min(topic.replicas for topic in found.values())
    if brokers == 1:
        says = "one broker: if its disk fails, its records are lost. Use three in production"
        return findings_or(findings, ok(name, says))
    return findings_or(findings, ok(name, f"{fewest} replicas on {brokers} brokers"))


def configs(
    found: Mapping[str, TopicFacts], wanted: Mapping[str, Mapping[str, str]], kept: Mapping[str, Mapping[str, int]]
) -> list[Finding]:
    """Topics are configured as `hashtide setup` creates them. `kept`: the retention, in milliseconds, which
    `hashtide setup --alter-retention` changes."""
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
                findings.append(warning(name, f"{topic}: {option} is {there}, setup creates it with {value}", do))
        for option, wanted_ms in kept[topic].items():
            if (is_ms := int(found[topic].configs.get(option, wanted_ms))) == wanted_ms:
                continue
            do = "hashtide setup --alter-retention"
            if option == "retention.ms":
                do += f", or change HASHTIDE_RETENTION_{topic.removeprefix('posts.').upper()}_DAYS"
            if is_ms < 0 or is_ms > wanted_ms:
                do += ": Kafka deletes older records at once"
            findings.append(warning(name, str(RetentionDrift(topic, option, is_ms, wanted_ms)), do))
    if not found:
        return [not_checked(name, "no topics")]
    if not any(topic.configs for topic in found.values()):
        return [not_checked(name, "unknown: this login lacks DESCRIBE_CONFIGS")]
    return findings_or(findings, ok(name, "as `hashtide setup` creates them"))


def group(found: WorkerGroup, topics: Mapping[str, TopicFacts], behind: int) -> list[Finding]:
    """Workers run, and every partition is assigned to one. `behind`: number of records that wait."""
    name, who = "workers", f"group {found.name}"
    if found.members == 0:
        if behind:
            return [wrong(name, f"no worker in {who}, and {behind:,} records wait", "hashtide worker")]
        return [warning(name, f"no worker in {who}", "hashtide worker")]
    if found.state != "Stable":
        do = "try again in some seconds. If it stays like this, read the workers' logs: one may be restarting in a loop"
        return [warning(name, f"{who} is rebalancing ({found.state})", do)]
    findings = []
    for topic in (topics[each] for each in HANDLED if each in topics):
        orphans = sorted(set(range(topic.partitions)) - found.assigned.get(topic.name, frozenset()))
        if orphans:
            what = f"{topic.name}: partition {numbers(orphans)} is not assigned: its records are not counted"
            do = f"restart the workers; check that no other program uses HASHTIDE_GROUP={found.name}"
            findings.append(wrong(name, what, do))
    most = max((topic.partitions for topic in topics.values()), default=0)
    idle = f"; {found.members - most} idle" if found.members > most else ""
    says = f"{count(found.members, 'worker')} in {who}, every partition is assigned{idle}"
    return findings_or(findings, ok(name, says))


def lag(found: Sequence[PartitionProgress], now_ms: int, retention_ms: Mapping[str, int]) -> list[Finding]:
    """How far workers are behind, and whether retention will delete records before they are counted. `now_ms`: the
    broker's clock. `retention_ms`: by topic, -1 for ever."""
    name, findings = "lag", []
    for each in found:
        where = f"{each.topic} partition {each.partition}"
        waited_s = max(0, now_ms - each.waiting_since_ms) / 1000 if each.waiting_since_ms is not None else None
        if each.lost:
            what = f"{where}: {each.lost:,} records were deleted by retention before they were counted"
            do = f"increase the retention of {each.topic}; send the missing posts again (docs/sources.md)"
            findings.append(wrong(name, what, do))
        if not each.behind or waited_s is None:
            continue
        says = f"{where}: {each.behind:,} records wait, the first for {duration_text(waited_s)}"
        limit_ms = retention_ms.get(each.topic, -1)
        if 0 < limit_ms < 2 * waited_s * 1000:
            do = f"start workers at once: Kafka deletes records older than {duration_text(limit_ms / 1000)}"
            findings.append(wrong(name, says, do))
        elif waited_s >= LAG_WARN_S:
            do = "start more workers, up to the number of partitions; docs/runbook.md, ConsumerLagGrowing"
            findings.append(warning(name, says, do))
    behind = {topic: sum(each.behind for each in found if each.topic == topic) for topic in HANDLED}
    says = ", ".join(f"{topic}: {n:,} records" for topic, n in behind.items()) + " wait"
    return findings_or(findings, ok(name, says))


def letters(found: Letters, now_ms: int) -> Finding:
    """posts.dead is empty."""
    name = "dead letters"
    if not found.records or found.newest_reason is None:
        return ok(name, "none" if not found.records else "none among the newest records")
    ago = duration_text(max(0, now_ms - (found.newest_ms or now_ms)) / 1000)
    what = f"up to {found.records:,}; the newest came {ago} ago: {found.newest_reason}"
    return warning(name, what, "hashtide dlq list; docs/dead-letters.md has a remedy for each reason")


def privileges(kafka: KafkaCluster, topics: Mapping[str, TopicFacts], group: WorkerGroup | None) -> Finding:
    """The roles that this login has enough privileges for."""
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
        return not_checked(name, "Kafka does not report the privileges of this login")
    able = [role for role, lacks in missing.items() if not lacks]
    lacks = "; ".join(f"{role} lacks {', '.join(what)}" for role, what in missing.items() if what)
    if not lacks:
        return ok(name, f"enough for {', '.join(able)}")
    if able:
        return ok(name, f"enough for {', '.join(able)}; {lacks}")
    return wrong(name, lacks, "give this login the ACLs of its role: kafka-acls --add")


def numbers(partitions: Sequence[int]) -> str:
    """Partition numbers for people: the first 8."""
    shown = ", ".join(map(str, partitions[:8]))
    return shown if len(partitions) <= 8 else f"{shown} and {len(partitions) - 8} more"


def count(number: int, what: str) -> str:
    """A number with its noun, in the plural if needed."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _same(option: str, there: str, wanted: str) -> bool:
    if option == "cleanup.policy":  # a list, in any order
        return set(there.split(",")) == set(wanted.split(","))
    return there == wanted
