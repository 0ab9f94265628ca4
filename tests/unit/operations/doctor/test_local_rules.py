"""What is found on this machine, and what it means: literal facts in, findings out."""

import pytest

from operations.doctor import local_rules
from operations.doctor.facts import File, Folder, Key, Metrics, Package, Settings
from operations.doctor.findings import Finding, tally

GB = 1 << 30


def reported(findings: list[Finding] | Finding) -> list[tuple[str, str]]:
    found = [findings] if isinstance(findings, Finding) else findings
    assert all(each.do for each in found if each.state in ("wrong", "warning")), "says what to do"
    return [(each.state, each.says) for each in found]


def test_settings_that_can_be_used_are_counted() -> None:
    assert reported(local_rules.settings(Settings(3, files=(File("HASHTIDE_AUTHOR_KEY_FILE", "/k"),)))) == [
        ("ok", "3 set, all valid")
    ]


def test_every_setting_that_is_wrong_and_every_variable_that_is_none_is_a_line() -> None:
    found = Settings(
        4,
        unknown=("HASHTIDE_KAFKAS",),
        problems=("HASHTIDE_GRACE_S='x': no number",),
        files=(
            File("HASHTIDE_AUTHOR_KEY_FILE", "/no", problem="No such file or directory"),
            File("HASHTIDE_ELASTICSEARCH_PASSWORD_FILE", "/p", mode=0o644),
            File("HASHTIDE_ELASTICSEARCH_CA_FILE", "/c", mode=0o664),
        ),
    )
    assert reported(local_rules.settings(found)) == [
        ("wrong", "HASHTIDE_GRACE_S='x': no number"),
        ("wrong", "HASHTIDE_AUTHOR_KEY_FILE='/no': can't be read: No such file or directory"),
        ("warning", "HASHTIDE_ELASTICSEARCH_PASSWORD_FILE='/p': all users of this machine can read it (mode 644)"),
        ("warning", "HASHTIDE_ELASTICSEARCH_CA_FILE='/c': other users can change it (mode 664)"),
        ("warning", "HASHTIDE_KAFKAS is not a known setting and has no effect"),
    ]


def test_a_certificate_is_no_secret_and_may_be_read_by_all() -> None:
    found = Settings(1, files=(File("HASHTIDE_ELASTICSEARCH_CA_FILE", "/c", mode=0o644),))
    assert reported(local_rules.settings(found)) == [("ok", "1 set, all valid")]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            Key("/k", False, author="0123456789ab", ledger="ba9876543210"),
            ("ok", "fingerprints: author 0123456789ab, ledger ba9876543210; must be the same everywhere"),
        ),
        (
            Key("/k", False, author="0123456789ab", ledger="ba9876543210", old=2),
            (
                "ok",
                "fingerprints: author 0123456789ab, and 2 old, ledger ba9876543210; must be the same everywhere",
            ),
        ),
        (Key("/k", False, problem="/k: must hold 32 bytes"), ("wrong", "/k: must hold 32 bytes")),
        (Key("/k", True), ("warning", "no key yet; the first command that needs one makes it in /k")),
    ],
)
def test_keys(found: Key, said: tuple[str, str]) -> None:
    assert reported(local_rules.key(found)) == [said]


def test_a_key_of_this_machine_alone_is_said_to_be_that() -> None:
    (said,) = reported(local_rules.key(Key("/k", True, author="0123456789ab", ledger="ba9876543210")))
    assert said[0] == "ok"
    assert "The keys are stored in this machine's state folder" in said[1]


AIOKAFKA = Package("aiokafka", "==0.14.0", "0.14.0", fits=True)


def test_versions_that_fit() -> None:
    found = [AIOKAFKA, Package("faust-streaming", "==0.15.3", "0.15.3", fits=True)]
    assert reported(local_rules.versions((3, 12), "0.1.0", found)) == [
        ("ok", "Hashtide 0.1.0, Python 3.12, aiokafka 0.14.0, faust-streaming 0.15.3")
    ]


def test_versions_that_do_not() -> None:
    found = [
        Package("aiokafka", "==0.14.0", "0.15.0", fits=False),
        Package("crc32c", ">=2.7,<3", None, fits=False),
        Package("lz4", ">=4.3,<5", "4.4.0", fits=True),
    ]
    assert reported(local_rules.versions((3, 14), "0.1.0", found)) == [
        ("wrong", "Python 3.14: Hashtide runs on 3.11, 3.12 and 3.13"),
        ("wrong", "aiokafka is 0.15.0, and Hashtide 0.1.0 needs ==0.14.0"),
        ("wrong", "crc32c >=2.7,<3 is not installed"),
    ]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Folder("/s", free_bytes=70 * GB, total_bytes=100 * GB), ("ok", "/s: 70.0 GiB free of 100.0 GiB")),
        (Folder("/s", free_bytes=GB - 1, total_bytes=100 * GB), ("warning", "/s: 1,024 MiB free of 100.0 GiB")),
        (Folder("/s", free_bytes=1 << 20, total_bytes=100 * GB), ("wrong", "/s: 1 MiB free of 100.0 GiB")),
        (Folder("/s", problem="can't be written"), ("wrong", "/s: can't be written")),
    ],
)
def test_the_state_folder(found: Folder, said: tuple[str, str]) -> None:
    assert reported(local_rules.folder(found)) == [said]


def test_campaigns() -> None:
    assert reported(local_rules.campaigns(["harbour", "metoo"], "", packaged=False)) == [("ok", "2: harbour, metoo")]
    assert reported(local_rules.campaigns(["metoo"], "", packaged=True)) == [
        ("warning", "only the packaged example: metoo")
    ]
    assert reported(local_rules.campaigns([], "x.toml: no tags", packaged=False)) == [("wrong", "x.toml: no tags")]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Metrics("", "off"), ("ok", "switched off (HASHTIDE_METRICS_PORT=0)")),
        (Metrics("h:1", "nobody"), ("ok", "h:1 is free: no worker runs on this machine, or it uses another port")),
        (Metrics("h:1", "another"), ("warning", "another program, not a Hashtide worker, answers at h:1")),
        (Metrics("h:1", "worker"), ("ok", "a worker answers at h:1, alive and ready")),
        (
            Metrics("h:1", "worker", ready="no partition is assigned"),
            ("warning", "the worker at h:1 is not ready: no partition is assigned"),
        ),
        (
            Metrics("h:1", "worker", alive="no batch was handled for 130 s", ready="Elasticsearch does not answer"),
            ("wrong", "the worker at h:1 is stuck: no batch was handled for 130 s"),
        ),
    ],
)
def test_the_metrics_port(found: Metrics, said: tuple[str, str]) -> None:
    assert reported(local_rules.metrics(found)) == [said]


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0, ("ok", "Kafka's clock and ours agree within 5 s")),
        (4_999, ("ok", "Kafka's clock and ours agree within 5 s")),
        (-5_000, ("warning", "our clock is 5 s behind Kafka's")),
        (61_000, ("warning", "our clock is 61 s ahead of Kafka's")),
        (300_000, ("wrong", "our clock is 5 min ahead of Kafka's")),
    ],
)
def test_clocks(ms: int, said: tuple[str, str]) -> None:
    assert reported(local_rules.clock("kafka clock", "Kafka", ms)) == [said]


def test_a_clock_of_which_only_one_side_is_known_says_so() -> None:
    assert reported(local_rules.clock("kafka clock", "Kafka", -9_000, at_least_only=True)) == [
        ("warning", "our clock is at least 9 s behind Kafka's")
    ]
    ((state, says),) = reported(local_rules.clock("kafka clock", "Kafka", 0, at_least_only=True))
    assert state == "ok"
    assert "not ahead of ours" in says


def test_findings_are_counted_by_state() -> None:
    states = ("ok", "wrong", "ok", "not checked")
    assert tally(Finding("x", state, "") for state in states) == {  # type: ignore[arg-type]
        "wrong": 1,
        "warning": 0,
        "not checked": 1,
        "ok": 2,
    }
