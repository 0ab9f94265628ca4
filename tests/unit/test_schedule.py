"""How a run in parallel is shared out: long tests first, each of them alone; the others by file."""

from pathlib import Path

from tests import schedule
from tests.schedule import SINGLE, rank, unit_of_work

TESTS = Path(schedule.__file__).parent


def test_every_file_that_is_named_is_there() -> None:
    assert [name for name in SINGLE if not (TESTS / "integration" / name).exists()] == []


def test_long_tests_come_first_and_unit_tests_last() -> None:
    tests = [
        "tests/unit/test_windows.py::test_a",
        "tests/contract/test_store.py::test_a[x]",
        "tests/integration/test_ports.py::test_a",
        "tests/abuse/test_sources.py::test_a",
        "tests/integration/test_failures.py::test_b",
        "tests/integration/test_failures.py::test_a",
    ]
    assert sorted(tests, key=rank) == [
        "tests/integration/test_failures.py::test_b",
        "tests/integration/test_failures.py::test_a",
        "tests/integration/test_ports.py::test_a",
        "tests/contract/test_store.py::test_a[x]",
        "tests/abuse/test_sources.py::test_a",
        "tests/unit/test_windows.py::test_a",
    ]


def test_any_worker_may_take_one_long_test_and_other_files_stay_whole() -> None:
    assert unit_of_work("tests/integration/test_dlq.py::test_a[x::y]") == "tests/integration/test_dlq.py::test_a[x::y]"
    assert unit_of_work("tests/integration/test_watch_page.py::test_a") == "tests/integration/test_watch_page.py"
    assert unit_of_work("tests/unit/test_retention.py::test_a") == "tests/unit/test_retention.py"
