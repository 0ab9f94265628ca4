"""The facts that the checks collect: exactly what the rules need."""

from typing import Literal

import msgspec

from hashtide.kafka.lag import lag


class File(msgspec.Struct, frozen=True):
    """A file that a setting names."""

    setting: str
    path: str
    problem: str = ""
    """Why it can't be read; empty if it can."""
    mode: int = 0o600
    """Its permissions, as for chmod."""


class Settings(msgspec.Struct, frozen=True):
    """The settings in the environment."""

    given: int
    """Number of known settings that are set."""
    unknown: tuple[str, ...] = ()
    """HASHTIDE_ variables that are not known settings."""
    problems: tuple[str, ...] = ()
    """What is wrong with known settings; contains no secrets."""
    files: tuple[File, ...] = ()


class Key(msgspec.Struct, frozen=True):
    """Fingerprints of the author and ledger keys."""

    path: str
    made_here: bool
    """No setting names the file: it is in this machine's state folder."""
    problem: str = ""
    author: str = ""
    """Empty if there is no key yet."""
    ledger: str = ""
    old: int = 0
    """Number of old author keys."""


class Package(msgspec.Struct, frozen=True):
    """A library that Hashtide requires."""

    name: str
    wanted: str
    """As in setup.cfg: ==0.14.0, >=9,<10."""
    installed: str | None
    fits: bool


class Folder(msgspec.Struct, frozen=True):
    """The state folder."""

    path: str
    problem: str = ""
    free_bytes: int = 0
    total_bytes: int = 0


class Metrics(msgspec.Struct, frozen=True):
    """What answers at this machine's worker port."""

    address: str
    who: Literal["worker", "another", "nobody", "off"]
    alive: str = ""
    """The problem that /healthz reports; empty if none."""
    ready: str = ""
    """The problem that /readyz reports; empty if none."""


class Broker(msgspec.Struct, frozen=True):
    """A Kafka broker."""

    id: int
    address: str
    fenced: bool = False


class KafkaCluster(msgspec.Struct, frozen=True):
    """The cluster. `operations`: our authorized operations, in Kafka's terms; None if Kafka does not report them."""

    version: str
    brokers: tuple[Broker, ...]
    operations: frozenset[str] | None = None


class TopicFacts(msgspec.Struct, frozen=True):
    """A topic in Kafka."""

    name: str
    partitions: int
    replicas: int
    """Of the partition with the fewest."""
    leaderless: tuple[int, ...] = ()
    out_of_sync: tuple[int, ...] = ()
    """Partitions with replicas that are behind or offline."""
    fewest_in_sync: int = 1
    configs: dict[str, str] = {}
    operations: frozenset[str] | None = None


class WorkerGroup(msgspec.Struct, frozen=True):
    """The workers' consumer group."""

    name: str
    state: str
    members: int
    assigned: dict[str, frozenset[int]] = {}
    """Assigned partitions by topic."""
    operations: frozenset[str] | None = None


class PartitionProgress(msgspec.Struct, frozen=True):
    """Offsets of a partition. `waiting_since_ms`: when the first unhandled record was appended, by the broker's clock;
    None if it could not be read."""

    topic: str
    partition: int
    beginning: int
    end: int
    committed: int | None = None
    waiting_since_ms: int | None = None

    @property
    def behind(self) -> int:
        """Number of records not handled yet."""
        return lag(self.beginning, self.end, self.committed)

    @property
    def lost(self) -> int:
        """Number of records that retention deleted before they were handled."""
        return max(0, self.beginning - self.committed) if self.committed is not None else 0


class Letters(msgspec.Struct, frozen=True):
    """Contents of posts.dead."""

    records: int
    """Upper bound: includes dropped and replaced letters until Kafka compacts the topic."""
    newest_reason: str | None = None
    newest_ms: int | None = None


class Template(msgspec.Struct, frozen=True):
    """A composable index template."""

    name: str
    patterns: tuple[str, ...]
    priority: int = 0
    version: int = 0
    """Increases with every change; 0 if it has none: then it is not ours."""
    schema: int = 1
    """Increases with a change that older workers can't handle (decision 12)."""


class IndexFacts(msgspec.Struct, frozen=True):
    """How one of our indices differs from this version's template."""

    name: str
    blocks: tuple[str, ...] = ()
    newer_schema: int | None = None
    """Its schema, if newer than this version's."""
    clashing: tuple[str, ...] = ()
    """Fields with a type other than we write."""
    missing: tuple[str, ...] = ()
    """Fields that we write and the index would refuse."""


class Disk(msgspec.Struct, frozen=True):
    """The disk of an Elasticsearch node."""

    node: str
    total_bytes: int
    free_bytes: int


class DiskWatermark(msgspec.Struct, frozen=True):
    """A disk watermark of Elasticsearch: `low`, `high` or `flood_stage`."""

    name: str
    value: str
    """Used share, 85% or 0.85; or free space, 10gb."""
    max_headroom: str | None = None
    """With a share: this much free space is enough on any disk."""


class Shard(msgspec.Struct, frozen=True):
    """An unassigned shard, and why."""

    index: str
    primary: bool
    why: str


class Health(msgspec.Struct, frozen=True):
    """Health of the cluster and of our indices."""

    status: str
    nodes: int
    unassigned: int = 0
    ours: dict[str, str] = {}
    """Our indices that are not green, with their status: red or yellow."""
    shard: Shard | None = None


class Skew(msgspec.Struct, frozen=True):
    """Our clock minus the server's. Above 0: ours is ahead."""

    ms: int
    at_least_only: bool = False
    """A lower bound: it shows only that the server's clock is ahead of ours."""


class Privileges(msgspec.Struct, frozen=True):
    """Privileges in Elasticsearch that the login lacks, by role. None: security is off."""

    user: str = ""
    missing: dict[str, tuple[str, ...]] | None = None
