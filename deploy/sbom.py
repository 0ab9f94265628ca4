"""`make sbom`: writes a software bill of materials (CycloneDX 1.6) to dist/hashtide.cdx.json.

It lists the Python packages of deploy/docker/requirements.lock, as read by cyclonedx-py, and the jars of
deploy/local/jars.lock, which `hashtide up` fetches, each with its package URL and the SHA-256 of its files.
Deterministic. The content of the base image is not included: docs/supply-chain.md.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

from deploy.local.lock import Jar, parse_lock

ROOT: Final = Path(__file__).parent.parent
LOCK: Final = ROOT / "deploy/docker/requirements.lock"
TO: Final = ROOT / "dist/hashtide.cdx.json"

IMAGE: Final = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.16",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""The environment for evaluating the lock's markers: Python in the image (deploy/docker/Dockerfile)."""


def of_the_image(lock: str) -> str:
    """The requirements of a lock that the image installs, with their hashes."""
    entries = [entry for entry in lock.replace("\\\n", " ").splitlines() if entry.strip() and entry[0] != "#"]
    kept = []
    for entry in entries:
        requirement, *hashes = entry.split(" --hash=")
        marker = Requirement(requirement).marker
        if marker is None or marker.evaluate(dict(IMAGE)):
            pin = requirement.partition(";")[0].strip()
            kept.append(" --hash=".join([pin, *(each.strip() for each in hashes)]))
    return "\n".join(kept) + "\n"


def python_packages(requirements: str) -> Bom:
    """The bill of materials of pinned requirements, by cyclonedx-py. Blocks. Raises CalledProcessError."""
    command = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "requirements",
        "--spec-version",
        "1.6",
        "--no-validate",
        "-",
    ]
    done = subprocess.run(command, input=requirements, check=True, stdout=subprocess.PIPE, text=True)
    bom: Bom = Bom.from_json(json.loads(done.stdout))  # type: ignore[attr-defined]
    for each in bom.components:
        each.description = None  # the whole line of the lock: redundant
    return bom


def jar(each: Jar) -> Component:
    """A jar as a component (purl-spec, type maven)."""
    group, name, release = each.coordinate.split(":")
    url = PackageURL("maven", group, name, release, {"type": "jar"})
    return Component(
        name=name,
        group=group,
        version=release,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=str(url),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each.sha256)],
    )


def bill(lock: str, jars_lock: str) -> str:
    """The bill of materials as JSON. Blocks. Raises ValueError if it does not match CycloneDX's schema."""
    bom = python_packages(of_the_image(lock))
    packages = list(bom.components)
    # Some jars belong to both servers.
    found = list({each.coordinate: jar(each) for each in parse_lock(jars_lock)}.values())
    bom.components.update(found)
    bom.metadata.component = product = Component(
        name="hashtide",
        version=version("hashtide"),
        type=ComponentType.APPLICATION,
        licenses=[DisjunctiveLicense(id="Apache-2.0")],
        purl=PackageURL("pypi", None, "hashtide", version("hashtide")),
        bom_ref="hashtide",
    )
    bom.dependencies.add(
        Dependency(product.bom_ref, [Dependency(each.bom_ref) for each in (*packages, *found)]),
    )
    bom.serial_number = uuid5(NAMESPACE_URL, lock + jars_lock)
    bom.metadata.timestamp = None  # type: ignore[assignment]  # optional
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not CycloneDX 1.6: {problem}")
    return text + "\n"


if __name__ == "__main__":
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(bill(LOCK.read_text(encoding="utf-8"), (ROOT / "deploy/local/jars.lock").read_text(encoding="utf-8")))
    print(TO.relative_to(ROOT))
