"""What is found on this machine, and what it means. Pure."""

from hashtide.outages import duration_text
from operations.doctor.facts import Folder, Key, Metrics, Package, Settings
from operations.doctor.findings import Finding, ok, unless, warning, wrong

PYTHONS = ((3, 11), (3, 12), (3, 13))
PUBLIC = ("_CA_FILE", "_CERT_FILE", "_CERTIFICATE_FILE")
"""Settings whose files are no secrets."""
GB = 1 << 30
FEW_BYTES, SCARCE_BYTES = 1 * GB, 64 << 20
"""Free space of the state folder at which to warn, and at which nothing can be written before long."""
CLOCK_WARN_MS, CLOCK_WRONG_MS = 5_000, 300_000
"""The alert ClockTrouble's threshold; and 5 minutes, from which on no post is fresh, and spikes are not seen."""


def settings(found: Settings) -> list[Finding]:
    """Every variable is a setting that can be used, and the files are there, for nobody else to change."""
    name, findings = "settings", []
    for problem in found.problems:
        findings.append(wrong(name, problem, "set it right, or unset it: `hashtide settings` lists them all"))
    for file in found.files:
        if file.problem:
            what = f"{file.setting}={file.path!r}: can't be read: {file.problem}"
            findings.append(wrong(name, what, "put the file there, readable for whom Hashtide runs as"))
        elif file.mode & 0o022:
            what = f"{file.setting}={file.path!r}: others may change it (mode {file.mode:03o})"
            findings.append(warning(name, what, f"chmod go-w {file.path}"))
        elif file.mode & 0o004 and not file.setting.endswith(PUBLIC):
            what = f"{file.setting}={file.path!r}: everybody on this machine may read it (mode {file.mode:03o})"
            findings.append(warning(name, what, f"chmod o-r {file.path}"))
    for variable in found.unknown:
        do = "misspelt? `hashtide settings` lists them all"
        findings.append(warning(name, f"{variable} is no setting, and changes nothing", do))
    return unless(findings, ok(name, f"{found.given} set, all of them can be used"))


def key(found: Key) -> Finding:
    """Everybody has the same keys: that can't be seen from here, but people can compare."""
    name, do = "author key", "give every producer and worker the same file, HASHTIDE_AUTHOR_KEY_FILE"
    if found.problem:
        return wrong(name, found.problem, f"{do} (docs/privacy.md)")
    if not found.author:
        return warning(name, f"there is none; the first command that needs one makes it in {found.path}", do)
    before = f", and {found.old} from before" if found.old else ""
    says = f"fingerprints: author {found.author}{before}, ledger {found.ledger}; must be the same everywhere"
    if found.made_here:
        return ok(name, f"{says}. They lie in this machine's state folder; with more machines, {do}")
    return ok(name, says)


def versions(python: tuple[int, int], ours: str, packages: list[Package]) -> list[Finding]:
    """Python and every library are as setup.cfg asks for."""
    name, findings = "versions", []
    if python not in PYTHONS:
        what = f"Python {python[0]}.{python[1]}: Hashtide runs on 3.11, 3.12 and 3.13"
        findings.append(wrong(name, what, "install it under one of these"))
    again = f"install it again: pip install -c constraints.txt hashtide-{ours}-*.whl"
    for each in packages:
        if each.installed is None:
            findings.append(wrong(name, f"{each.name} {each.wanted} is not installed", again))
        elif not each.fits:
            what = f"{each.name} is {each.installed}, and Hashtide {ours} needs {each.wanted}"
            findings.append(wrong(name, what, again))
    seen = {each.name: each.installed for each in packages}
    libraries = ", ".join(f"{each} {seen[each]}" for each in ("aiokafka", "faust-streaming") if each in seen)
    return unless(findings, ok(name, f"Hashtide {ours}, Python {python[0]}.{python[1]}, {libraries}"))


def folder(found: Folder) -> Finding:
    """The state folder can be written, and is not nearly full."""
    name, do = "state folder", "make room, or set HASHTIDE_STATE_DIR to a larger disk"
    if found.problem:
        return wrong(name, f"{found.path}: {found.problem}", "HASHTIDE_STATE_DIR must be a folder that can be written")
    free = f"{found.path}: {size(found.free_bytes)} free of {size(found.total_bytes)}"
    if found.free_bytes < SCARCE_BYTES:
        return wrong(name, free, do)
    return warning(name, free, do) if found.free_bytes < FEW_BYTES else ok(name, free)


def campaigns(names: list[str], problem: str, packaged: bool) -> Finding:
    """The campaigns can be read, and there are some."""
    name = "campaigns"
    if problem:
        return wrong(name, problem, "docs/campaigns.md has what such a file holds")
    if packaged:
        says = f"the packaged example alone: {', '.join(names)}"
        return warning(name, says, "set HASHTIDE_CAMPAIGNS to your own file or folder (docs/campaigns.md)")
    return ok(name, f"{len(names)}: {', '.join(names)}")


def metrics(found: Metrics) -> Finding:
    """A worker of this machine can be scraped, and is well."""
    name = "metrics port"
    if found.who == "off":
        return ok(name, "switched off (HASHTIDE_METRICS_PORT=0)")
    if found.who == "nobody":
        return ok(name, f"{found.address} is free: no worker runs on this machine, or it has another port")
    if found.who == "another":
        what = f"something else than a worker of ours answers at {found.address}"
        return warning(name, what, "set HASHTIDE_METRICS_PORT to a free port, and Prometheus' targets with it")
    if found.alive:
        return wrong(name, f"the worker at {found.address} is stuck: {found.alive}", "read its log; start it again")
    if found.ready:
        return warning(name, f"the worker at {found.address} is not ready: {found.ready}", "read its log")
    return ok(name, f"a worker answers at {found.address}, alive and ready")


def clock(name: str, server: str, ms: int, at_least_only: bool = False) -> Finding:
    """Our clock and a server's agree. `ms`: ours minus theirs, as far as it is known."""
    if abs(ms) < CLOCK_WARN_MS:
        if at_least_only:
            return ok(name, f"{server}'s is not ahead of ours, by its newest record; more is not known from outside")
        return ok(name, f"{server}'s and ours agree within {CLOCK_WARN_MS / 1000:.0f} s")
    way = "behind" if ms < 0 else "ahead of"
    what = f"our clock is {duration_text(abs(ms) / 1000)} {way} {server}'s{' at least' if at_least_only else ''}"
    do = "get the time service to run on both machines: timedatectl, chronyc tracking"
    return (wrong if abs(ms) >= CLOCK_WRONG_MS else warning)(name, what, do)


def size(count: int) -> str:
    """Bytes for people."""
    return f"{count / GB:,.1f} GiB" if count >= GB else f"{count / (1 << 20):,.0f} MiB"
