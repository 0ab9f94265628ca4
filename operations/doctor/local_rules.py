"""Rules for this machine: facts in, findings out. Pure."""

from hashtide.outages import duration_text
from operations.doctor.facts import Folder, Key, Metrics, Package, Settings
from operations.doctor.findings import Finding, findings_or, ok, warning, wrong

PYTHONS = ((3, 11), (3, 12), (3, 13))
PUBLIC = ("_CA_FILE", "_CERT_FILE", "_CERTIFICATE_FILE")
"""Endings of settings whose files are not secret."""
GB = 1 << 30
FEW_BYTES, SCARCE_BYTES = 1 * GB, 64 << 20
"""Free space of the state folder: warn below the first; below the second, writes will soon fail."""
CLOCK_WARN_MS, CLOCK_WRONG_MS = 5_000, 300_000
"""The threshold of the alert ClockTrouble; and 5 minutes, when no post counts as fresh and spikes go undetected."""


def settings(found: Settings) -> list[Finding]:
    """All variables are valid settings. Their files exist, and only their owner can change them."""
    name, findings = "settings", []
    for problem in found.problems:
        findings.append(wrong(name, problem, "correct or unset it: `hashtide settings` lists all settings"))
    for file in found.files:
        if file.problem:
            what = f"{file.setting}={file.path!r}: can't be read: {file.problem}"
            findings.append(wrong(name, what, "create the file, readable by the user that runs Hashtide"))
        elif file.mode & 0o022:
            what = f"{file.setting}={file.path!r}: other users can change it (mode {file.mode:03o})"
            findings.append(warning(name, what, f"chmod go-w {file.path}"))
        elif file.mode & 0o004 and not file.setting.endswith(PUBLIC):
            what = f"{file.setting}={file.path!r}: all users of this machine can read it (mode {file.mode:03o})"
            findings.append(warning(name, what, f"chmod o-r {file.path}"))
    for variable in found.unknown:
        do = "misspelt? `hashtide settings` lists all settings"
        findings.append(warning(name, f"{variable} is not a known setting and has no effect", do))
    return findings_or(findings, ok(name, f"{found.given} set, all valid"))


def key(found: Key) -> Finding:
    """The keys can be read. That all machines have the same ones must be compared by people."""
    name, do = "author key", "give every producer and worker the same file, HASHTIDE_AUTHOR_KEY_FILE"
    if found.problem:
        return wrong(name, found.problem, f"{do} (docs/privacy.md)")
    if not found.author:
        return warning(name, f"no key yet; the first command that needs one makes it in {found.path}", do)
    old = f", and {found.old} old" if found.old else ""
    says = f"fingerprints: author {found.author}{old}, ledger {found.ledger}; must be the same everywhere"
    if found.made_here:
        return ok(name, f"{says}. The keys are stored in this machine's state folder; with more machines, {do}")
    return ok(name, says)


def versions(python: tuple[int, int], ours: str, packages: list[Package]) -> list[Finding]:
    """Python and all libraries have the versions that setup.cfg requires."""
    name, findings = "versions", []
    if python not in PYTHONS:
        what = f"Python {python[0]}.{python[1]}: Hashtide runs on 3.11, 3.12 and 3.13"
        findings.append(wrong(name, what, "install Hashtide with one of these"))
    reinstall = f"install it again: pip install -c constraints.txt hashtide-{ours}-*.whl"
    for each in packages:
        if each.installed is None:
            findings.append(wrong(name, f"{each.name} {each.wanted} is not installed", reinstall))
        elif not each.fits:
            what = f"{each.name} is {each.installed}, and Hashtide {ours} needs {each.wanted}"
            findings.append(wrong(name, what, reinstall))
    seen = {each.name: each.installed for each in packages}
    libraries = ", ".join(f"{each} {seen[each]}" for each in ("aiokafka", "faust-streaming") if each in seen)
    return findings_or(findings, ok(name, f"Hashtide {ours}, Python {python[0]}.{python[1]}, {libraries}"))


def folder(found: Folder) -> Finding:
    """The state folder can be written and has free space."""
    name, do = "state folder", "free some space, or set HASHTIDE_STATE_DIR to a larger disk"
    if found.problem:
        return wrong(name, f"{found.path}: {found.problem}", "set HASHTIDE_STATE_DIR to a folder that can be written")
    free = f"{found.path}: {size(found.free_bytes)} free of {size(found.total_bytes)}"
    if found.free_bytes < SCARCE_BYTES:
        return wrong(name, free, do)
    return warning(name, free, do) if found.free_bytes < FEW_BYTES else ok(name, free)


def campaigns(names: list[str], problem: str, packaged: bool) -> Finding:
    """The campaigns can be read, and are not just the packaged example."""
    name = "campaigns"
    if problem:
        return wrong(name, problem, "correct the file: docs/campaigns.md describes its format")
    if packaged:
        says = f"only the packaged example: {', '.join(names)}"
        return warning(name, says, "set HASHTIDE_CAMPAIGNS to your own file or folder (docs/campaigns.md)")
    return ok(name, f"{len(names)}: {', '.join(names)}")


def metrics(found: Metrics) -> Finding:
    """The worker on this machine can be scraped and is healthy."""
    name = "metrics port"
    if found.who == "off":
        return ok(name, "switched off (HASHTIDE_METRICS_PORT=0)")
    if found.who == "nobody":
        return ok(name, f"{found.address} is free: no worker runs on this machine, or it uses another port")
    if found.who == "another":
        what = f"another program, not a Hashtide worker, answers at {found.address}"
        return warning(name, what, "set HASHTIDE_METRICS_PORT to a free port, and update Prometheus' targets")
    if found.alive:
        return wrong(name, f"the worker at {found.address} is stuck: {found.alive}", "read its log, then restart it")
    if found.ready:
        return warning(name, f"the worker at {found.address} is not ready: {found.ready}", "read its log")
    return ok(name, f"a worker answers at {found.address}, alive and ready")


def clock(name: str, server: str, ms: int, at_least_only: bool = False) -> Finding:
    """Our clock and the server's agree. `ms`: ours minus theirs; with `at_least_only`, a lower bound of the skew."""
    if abs(ms) < CLOCK_WARN_MS:
        if at_least_only:
            return ok(name, f"{server}'s clock is not ahead of ours, judged by its newest record")
        return ok(name, f"{server}'s clock and ours agree within {CLOCK_WARN_MS / 1000:.0f} s")
    direction = "behind" if ms < 0 else "ahead of"
    at_least = "at least " if at_least_only else ""
    what = f"our clock is {at_least}{duration_text(abs(ms) / 1000)} {direction} {server}'s"
    do = "start the time service on both machines: timedatectl, chronyc tracking"
    return (wrong if abs(ms) >= CLOCK_WRONG_MS else warning)(name, what, do)


def size(count: int) -> str:
    """Bytes as MiB or GiB."""
    return f"{count / GB:,.1f} GiB" if count >= GB else f"{count / (1 << 20):,.0f} MiB"
