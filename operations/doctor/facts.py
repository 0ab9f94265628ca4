"""What the checks find out, as values: everything that a rule goes by, and nothing that it does not."""

from typing import Literal

import msgspec

from hashtide.kafka.lag import lag


class File(msgspec.Struct, frozen=True):
    """A file that a setting names."""

    setting: str
    path: str
    problem: str = ""
    """Why it can't be read; empty where it can."""
    mode: int = 0o600
    """Its permissions, as of chmod."""


class Settings(msgspec.Struct, frozen=True):
    """The environment, as the settings see it."""

    given: int
    """How many settings are set."""
    unknown: tuple[str, ...] = ()
    """Variables named HASHTIDE_... that are no setting."""
    problems: tuple[str, ...] = ()
    """What is wrong with those that are; no secret is in it."""
    files: tuple[File, ...] = ()


class Key(msgspec.Struct, frozen=True):
    """The keys of authors and posts, by their fingerprints."""

    path: str
    made_here: bool
    """Nothing names it: it lies in the state folder of this machine."""
    problem: str = ""
    author: str = ""
    """Empty where there is no key yet."""
    ledger: str = ""
    old: int = 0
    """Author keys from before."""


class Package(msgspec.Struct, frozen=True):
    """A library that Hashtide needs."""

    name: str
    wanted: str
    """As setup.cfg says it: ==0.14.0, >=9,<10."""
    installed: str | None
    fits: bool


class Folder(msgspec.Struct, frozen=True):
    """The state folder."""

    path: str
    problem: str = ""
    free_bytes: int = 0
    total_bytes: int = 0


class Metrics(msgspec.Struct, frozen=True):
    """What answers at the worker's port of this machine."""

    address: str
    who: Literal["worker", "another", "nobody", "off"]
    alive: str = ""
    """What /healthz says; empty where it is well."""
    ready: str = ""
    """What /readyz says; empty where it is well."""


class Broker(msgspec.Struct, frozen=True):
    """One of Kafka's."""

    id: int
    address: str
    fenced: bool = False


class KafkaCluster(msgspec.Struct, frozen=True):
    """The cluster. `operations`: what we may do with it, in Kafka's words; None where it does not say."""

    version: str
    brokers: tuple[Broker, ...]
    operations: frozenset[str] | None = None


class TopicFacts(msgspec.Struct, frozen=True):
    """A topic as it is."""

    name: str
    partitions: int
    replicas: int
    """Of the partition that has fewest."""
    leaderless: tuple[int, ...] = ()
    out_of_sync: tuple[int, ...] = ()
    """Partitions some of whose replicas are behind or away."""
    fewest_in_sync: int = 1
    configs: dict[str, str] = {}
    operations: frozenset[str] | None = None


class WorkerGroup(msgspec.Struct, frozen=True):
    """The workers' consumer group."""

    name: str
    state: str
    members: int
    assigned: dict[str, frozenset[int]] = {}
    """Partitions that somebody has, by topic."""
    operations: frozenset[str] | None = None


class PartitionProgress(msgspec.Struct, frozen=True):
    """How far a partition is handled. Offsets; `waiting_since_ms` is when its first unhandled record was appended, by
    the broker's clock, None where that could not be read."""

    topic: str
    partition: int
    beginning: int
    end: int
    committed: int | None = None
    waiting_since_ms: int | None = None

    @property
    def behind(self) -> int:
        """Records not handled yet."""
        return lag(self.beginning, self.end, self.committed)

    @property
    def lost(self) -> int:
        """Records that the retention took away before they were handled."""
        return max(0, self.beginning - self.committed) if self.committed is not None else 0


class Letters(msgspec.Struct, frozen=True):
    """posts.dead."""

    records: int
    """At most so many letters: dropped and replaced ones are among them until Kafka compacts the topic."""
    newest_reason: str | None = None
    newest_ms: int | None = None


class Template(msgspec.Struct, frozen=True):
    """A composable index template."""

    name: str
    patterns: tuple[str, ...]
    priority: int = 0
    version: int = 0
    """Rises with every change; 0 where there is none, which is not ours."""
    schema: int = 1
    """Rises with a change that an older worker can't live with (decision 12)."""


class IndexFacts(msgspec.Struct, frozen=True):
    """An index of ours, as it stands to the template of this version."""

    name: str
    blocks: tuple[str, ...] = ()
    newer_schema: int | None = None
    """Where it is one that this version does not know."""
    clashing: tuple[str, ...] = ()
    """Fields of another type than we write."""
    missing: tuple[str, ...] = ()
    """Fields that we write and it would refuse."""


class Disk(msgspec.Struct, frozen=True):
    """The disk of a node of Elasticsearch."""

    node: str
    total_bytes: int
    free_bytes: int


class DiskWatermark(msgspec.Struct, frozen=True):
    """When a disk counts as full: `low`, `high` or `flood_stage`, and Elasticsearch's values of it."""

    name: str
    value: str
    """85%, 0.85, or how much must be free: 10gb."""
    max_headroom: str | None = None
    """With a share: how much free is enough, however large the disk."""


class Shard(msgspec.Struct, frozen=True):
    """Why one shard has no node."""

    index: str
    primary: bool
    why: str


class Health(msgspec.Struct, frozen=True):
    """The cluster's, and that of our indices."""

    status: str
    nodes: int
    unassigned: int = 0
    ours: dict[str, str] = {}
    """Indices of ours that are not green: red or yellow."""
    shard: Shard | None = None


class Skew(msgspec.Struct, frozen=True):
    """How a server's clock stands against ours. Above 0: ours is ahead."""

    ms: int
    at_least_only: bool = False
    """Only a server that is ahead of us would show."""


class Privileges(msgspec.Struct, frozen=True):
    """What the login may do in Elasticsearch: for each role the privileges that are missing. None: security is off."""

    user: str = ""
    missing: dict[str, tuple[str, ...]] | None = None
