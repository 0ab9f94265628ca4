from pathlib import Path

import msgspec
import pytest

from hashtide.settings import Common, WrongSetting, described, load
from operations.settings import OperationsSettings
from producers.settings import ProducerSettings


def test_unset_settings_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/lib")
    assert load(OperationsSettings, {}) == OperationsSettings(
        kafka="127.0.0.1:9092",
        state_dir=Path("/var/lib/hashtide"),
        author_key_file=None,
        log_level="info",
        elasticsearch="http://127.0.0.1:9200",
        campaigns=None,
        group="hashtide",
        partitions=4,
        replication=1,
        fetch_bytes=1_048_576,
        bulk_bytes=4_194_304,
        cached_counts=60_000,
        metrics_host="127.0.0.1",
        metrics_port=None,
        watch_host="127.0.0.1",
        watch_port=9465,
        watch_names="",
    )


def test_state_folder_defaults_to_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/mina")
    assert load(Common, {}).state_dir == Path("/home/mina/.local/state/hashtide")


def test_reads_settings_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mina")
    environment = {
        "HASHTIDE_KAFKA": "one:9092,two.example:9093",
        "HASHTIDE_STATE_DIR": "~/state",
        "HASHTIDE_AUTHOR_KEY_FILE": "/etc/hashtide/key",
        "HASHTIDE_LOG_LEVEL": "debug",
        "HASHTIDE_ELASTICSEARCH": "https://search.example:9200/",
        "HASHTIDE_CAMPAIGNS": "campaigns",
        "HASHTIDE_PARTITIONS": "12",
        "HASHTIDE_METRICS_PORT": "0",
        "PATH": "/bin",
        "KAFKA": "elsewhere:1",
    }
    settings = load(OperationsSettings, environment)
    assert settings.kafka == "one:9092,two.example:9093"
    assert settings.state_dir == Path("/home/mina/state")
    assert settings.author_key_file == Path("/etc/hashtide/key")
    assert settings.log_level == "debug"
    assert settings.elasticsearch == "https://search.example:9200/"
    assert settings.campaigns == Path("campaigns")
    assert settings.partitions == 12
    assert settings.metrics_port == 0


def test_empty_variable_counts_as_unset() -> None:
    settings = load(
        OperationsSettings, {"HASHTIDE_PARTITIONS": "", "HASHTIDE_CAMPAIGNS": "", "HASHTIDE_METRICS_PORT": ""}
    )
    assert (settings.partitions, settings.campaigns, settings.metrics_port) == (4, None, None)


WRONG: list[tuple[type[Common], str, str, str]] = [
    (Common, "HASHTIDE_KAFKA", "localhost", "Kafka brokers, host:port"),
    (Common, "HASHTIDE_KAFKA", "one:9092,two", "Kafka brokers, host:port"),
    (Common, "HASHTIDE_KAFKA", "one:9092, two:9092", "Kafka brokers, host:port"),
    (ProducerSettings, "HASHTIDE_LINGER_MS", "-1", ">= 0"),
    (ProducerSettings, "HASHTIDE_LINGER_MS", "10001", "<= 10000"),
    (ProducerSettings, "HASHTIDE_LINGER_MS", "soon", "Expected `int`"),
    (ProducerSettings, "HASHTIDE_BATCH_BYTES", "1023", ">= 1024"),
    (ProducerSettings, "HASHTIDE_BATCH_BYTES", "1048577", "<= 1048576"),
    (ProducerSettings, "HASHTIDE_BUFFER_POSTS", "0", ">= 1"),
    (ProducerSettings, "HASHTIDE_BUFFER_POSTS", "1000001", "<= 1000000"),
    (OperationsSettings, "HASHTIDE_ELASTICSEARCH", "localhost:9200", "URL of Elasticsearch"),
    (OperationsSettings, "HASHTIDE_ELASTICSEARCH", "http://one/path", "URL of Elasticsearch"),
    (OperationsSettings, "HASHTIDE_PARTITIONS", "0", ">= 1"),
    (OperationsSettings, "HASHTIDE_PARTITIONS", "1025", "<= 1024"),
    (OperationsSettings, "HASHTIDE_PARTITIONS", "4.5", "Expected `int`"),
    (OperationsSettings, "HASHTIDE_REPLICATION", "0", ">= 1"),
    (OperationsSettings, "HASHTIDE_REPLICATION", "10", "<= 9"),
    (OperationsSettings, "HASHTIDE_FETCH_BYTES", "1023", ">= 1024"),
    (OperationsSettings, "HASHTIDE_FETCH_BYTES", "67108865", "<= 67108864"),
    (OperationsSettings, "HASHTIDE_BULK_BYTES", "1 MiB", "Expected `int`"),
    (OperationsSettings, "HASHTIDE_BULK_BYTES", "94371841", "<= 94371840"),
    (OperationsSettings, "HASHTIDE_CACHED_COUNTS", "999", ">= 1000"),
    (OperationsSettings, "HASHTIDE_CACHED_COUNTS", "10000001", "<= 10000000"),
    (OperationsSettings, "HASHTIDE_METRICS_PORT", "-1", ">= 0"),
    (OperationsSettings, "HASHTIDE_METRICS_PORT", "65536", "<= 65535"),
    (OperationsSettings, "HASHTIDE_METRICS_PORT", "http", "Expected `int"),
    (OperationsSettings, "HASHTIDE_WATCH_PORT", "65536", "<= 65535"),
]


@pytest.mark.parametrize(("kind", "name", "value", "must"), WRONG)
def test_error_names_invalid_setting_and_valid_values(kind: type[Common], name: str, value: str, must: str) -> None:
    with pytest.raises(WrongSetting) as error:
        load(kind, {name: value})
    assert str(error.value).startswith(f"{name}={value!r}: ")
    assert must in str(error.value)


def test_error_for_invalid_choice_lists_choices() -> None:
    with pytest.raises(WrongSetting, match=r"HASHTIDE_LOG_LEVEL='loud': .*debug.*info.*warning.*error"):
        load(Common, {"HASHTIDE_LOG_LEVEL": "loud"})


@pytest.mark.parametrize("kind", [Common, ProducerSettings, OperationsSettings])
def test_every_setting_has_a_description(kind: type[Common]) -> None:
    settings = list(described(kind))
    assert [setting.name for setting in settings] == [
        "HASHTIDE_" + field.name.upper() for field in msgspec.structs.fields(kind)
    ]
    assert all(len(setting.meaning) >= 10 for setting in settings)
    assert len({setting.meaning for setting in settings}) == len(settings)


@pytest.mark.parametrize("kind", [Common, ProducerSettings, OperationsSettings])
def test_documented_default_is_the_actual_default(kind: type[Common]) -> None:
    given = {setting.name: setting.default for setting in described(kind)}
    assert load(kind, given) == load(kind, {})


@pytest.mark.parametrize(
    ("name", "type_", "default"),
    [
        ("HASHTIDE_KAFKA", "text", "127.0.0.1:9092"),
        ("HASHTIDE_STATE_DIR", "path", "/var/lib/hashtide"),
        ("HASHTIDE_AUTHOR_KEY_FILE", "path", ""),
        ("HASHTIDE_LOG_LEVEL", "debug or info or warning or error", "info"),
        ("HASHTIDE_PARTITIONS", "whole number", "4"),
        ("HASHTIDE_METRICS_PORT", "whole number", ""),
    ],
)
def test_setting_description_text(monkeypatch: pytest.MonkeyPatch, name: str, type_: str, default: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/var/lib")
    found = {setting.name: setting for setting in described(OperationsSettings)}[name]
    assert (found.type, found.default) == (type_, default)
