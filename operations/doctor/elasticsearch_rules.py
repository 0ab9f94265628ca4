"""Rules for Elasticsearch: facts in, findings out. Pure."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from operations.doctor.facts import Disk, DiskWatermark, Health, IndexFacts, Privileges, Template
from operations.doctor.findings import Finding, findings_or, not_checked, ok, warning, wrong
from operations.doctor.local_rules import size

UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40, "pb": 1 << 50}
"""Elasticsearch's reference, "Byte size units"."""
SHOWN = 3
BLOCKS = {
    "read_only_allow_delete": "Elasticsearch set it because a disk was too full, and removes it when there is space",
    "read_only": "somebody set it",
    "write": "somebody set it",
    "read": "somebody set it",
    "metadata": "somebody set it",
}
"""Elasticsearch's reference, "Index blocks". Elasticsearch removes only the first kind itself."""


def version(server: Sequence[str], client: str) -> Finding:
    """All nodes have the client's major version: client 9 works with server 9."""
    name, major = "elasticsearch version", client.partition(".")[0]
    says = f"server {', '.join(server)}, client {client}"
    if any(each.partition(".")[0] != major for each in server):
        return wrong(name, f"{says}: incompatible", f"upgrade or downgrade Elasticsearch to version {major}")
    if len(server) > 1:
        return warning(name, f"nodes have {len(server)} versions: {says}", "finish the upgrade in progress")
    return ok(name, says)


def health(found: Health) -> list[Finding]:
    """All shards are assigned to a node; if not, which one, and why."""
    name = "cluster health"
    if found.status == "green":
        return [ok(name, f"green, {found.nodes} node{'s' if found.nodes > 1 else ''}")]
    why = f": {found.shard.index}: {found.shard.why}" if found.shard else ""
    red = sorted(index for index, status in found.ours.items() if status == "red")
    if red:
        what = f"red: no primary shard for {shown(red)}{why}"
        do = "bring back the node that has it, or restore a snapshot: nothing is counted there until then"
        return [wrong(name, what, do)]
    if found.status == "red":
        return [warning(name, f"red, but no index of ours is{why}", "look at _cluster/health?level=indices")]
    what = f"{found.status}: {found.unassigned} shard copies unassigned: a disk failure may lose data{why}"
    return [warning(name, what, "add nodes, or bring back the missing one")]


def templates(found: Sequence[Template], wanted: Sequence[Template]) -> list[Finding]:
    """Our index templates exist, as a worker requires at start, and no other template takes precedence."""
    name, findings = "index templates", []
    by_name = {template.name: template for template in found}
    our_names = {template.name for template in wanted}
    if missing := [ours.name for ours in wanted if ours.name not in by_name]:
        findings.append(wrong(name, f"missing: {', '.join(missing)}; workers do not start", "hashtide setup"))
    newer = []
    for ours in wanted:
        theirs = by_name.get(ours.name, ours)
        if theirs.schema > ours.schema:
            what = (
                f"{ours.name} has schema {theirs.schema}, ours is {ours.schema}: workers of this version do not start"
            )
            findings.append(wrong(name, what, "upgrade this Hashtide (docs/upgrades.md)"))
        elif theirs.version < ours.version:
            what = f"{ours.name} has version {theirs.version}, ours is {ours.version}: workers do not start"
            findings.append(wrong(name, what, "hashtide setup"))
        elif theirs.version > ours.version:
            newer.append(ours.name)
        for other in found:
            foreign = other.name not in our_names and overlapping(ours.patterns, other.patterns)
            if foreign and other.priority >= ours.priority:
                what = f"{other.name} (priority {other.priority}) takes precedence over {ours.name} ({ours.priority})"
                do = f"give it a priority below {ours.priority}, or patterns other than {', '.join(ours.patterns)}"
                findings.append(wrong(name, what, do))
    if newer:
        says = f"{len(wanted)}; newer, but compatible with this version: {shown(newer)}"
        return findings_or(findings, ok(name, says))
    return findings_or(findings, ok(name, f"{len(wanted)}, of this version"))


def indices(found: Sequence[IndexFacts]) -> list[Finding]:
    """Indices accept documents: no blocks, and all fields that this version writes."""
    name, findings = "indices", []
    for block, why in BLOCKS.items():
        blocked = [index.name for index in found if block in index.blocks]
        if blocked:
            first = "free disk space (check `disk`)" if block == "read_only_allow_delete" else "remove it"
            do = f'{first}: PUT /INDEX/_settings {{"index.blocks.{block}": null}}; workers wait until then'
            findings.append(wrong(name, f"block {block} on {shown(blocked)}: {why}", do))
    if newer := [index.name for index in found if index.newer_schema is not None]:
        what = f"schema newer than this version: {shown(newer)}; workers of this version do not start"
        findings.append(wrong(name, what, "upgrade this Hashtide (docs/upgrades.md)"))
    for index in found:
        if index.clashing:
            what = f"{index.name}: {shown(index.clashing)} with a type other than we write; workers do not start"
            do = "it was created without its template: reindex it with the template, or delete it (docs/upgrades.md)"
            findings.append(wrong(name, what, do))
    if lacking := [index for index in found if index.missing]:
        fields = sorted({field for index in lacking for field in index.missing})
        what = f"no {shown(fields)} in {shown([index.name for index in lacking])}; workers of this version do not start"
        findings.append(wrong(name, what, "hashtide setup"))
    return findings_or(findings, ok(name, f"{len(found)}, all accept documents"))


def disks(found: Sequence[Disk], watermarks: Sequence[DiskWatermark]) -> list[Finding]:
    """No disk has reached a watermark (Elasticsearch's reference, "Disk-based shard allocation settings")."""
    name, findings = "disk", []
    marks = {mark.name: mark for mark in watermarks}
    if not found or not marks:
        return [not_checked(name, "Elasticsearch does not report its disks")]
    for disk in found:
        needed = {name_: must_be_free(mark, disk.total_bytes) for name_, mark in marks.items()}
        share = disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
        says = f"node {disk.node}: {size(disk.free_bytes)} free of {size(disk.total_bytes)} ({share:.0%})"
        do = "free disk space: shorter retention, larger disks, more nodes"
        if disk.free_bytes <= needed.get("flood_stage", 0):
            findings.append(wrong(name, f"{says}, past the flood stage: its indices are read-only", do))
        elif disk.free_bytes <= needed.get("high", 0):
            findings.append(warning(name, f"{says}, past the high watermark: shards move away from it", do))
        elif disk.free_bytes <= needed.get("low", 0):
            findings.append(warning(name, f"{says}, past the low watermark: it gets no new shards", do))
    least = min(found, key=lambda disk: disk.free_bytes)
    return findings_or(findings, ok(name, f"at least {size(least.free_bytes)} free, below all watermarks"))


def privileges(found: Privileges, encrypted: bool, local: bool) -> Finding:
    """Which roles our login has the privileges for."""
    name = "elasticsearch privileges"
    if found.missing is None:
        says = "security is off: anyone who can reach Elasticsearch has full access"
        if local:
            return ok(name, f"{says}. It runs on this machine")
        return warning(name, says, "switch security on, and create an account per role (docs/docker.md)")
    able = [role for role, lacks in found.missing.items() if not lacks]
    lacks = "; ".join(f"{role} lacks {', '.join(what)}" for role, what in found.missing.items() if what)
    if not able:
        return wrong(
            name, f"{found.user}: {lacks}", "give it the role it needs: deploy/docker/accounts.py defines them"
        )
    if not encrypted and not local:
        return warning(name, f"{found.user}: credentials cross the network unencrypted", "use https")
    return ok(name, f"{found.user}: enough for {', '.join(able)}" + (f"; {lacks}" if lacks else ""))


def overlapping(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether their patterns match an index that we would create."""
    names = [pattern.replace("*", "2017.10.15") for pattern in ours]
    return any(fnmatchcase(name, pattern) for name in names for pattern in theirs)


def must_be_free(mark: DiskWatermark, total_bytes: int) -> int:
    """Bytes that a watermark requires free: a share of the disk, at most its headroom; or an absolute size."""
    value = mark.value.strip()
    if value.endswith("%") or re.fullmatch(r"[0-9.]+", value):
        used = float(value.rstrip("%")) / (100 if value.endswith("%") else 1)
        free = round(total_bytes * (1 - used))
        headroom = as_bytes(mark.max_headroom) if mark.max_headroom else None
        return free if headroom is None else min(free, headroom)
    return as_bytes(value) or 0


def as_bytes(value: str) -> int | None:
    """A byte size of Elasticsearch ("200GB") in bytes; None for -1 and for anything else."""
    parts = re.fullmatch(r"([0-9.]+)([a-z]+)", value.strip().lower())
    return int(float(parts[1]) * UNITS[parts[2]]) if parts and parts[2] in UNITS else None


def shown(names: Sequence[str]) -> str:
    """The first SHOWN names, and how many more."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
