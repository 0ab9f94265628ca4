"""The stack's folder, without its servers."""

import zipfile
from pathlib import Path

import pytest

from deploy.local.elasticsearch_node import install_network_module
from deploy.local.jvm import child_environment
from deploy.local.server import StackError
from deploy.local.stack import Stack, Status, down, owned, status


def test_refuses_folder_that_contains_a_stack(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    with pytest.raises(StackError, match="already contains a stack"), owned(tmp_path):
        pytest.fail("started")
    assert (tmp_path / "kafka").exists()


def test_stack_has_status_but_no_addresses_before_start(tmp_path: Path) -> None:
    assert status(tmp_path) == [
        Status("kafka", False, None, None, False),
        Status("elasticsearch", False, None, None, False),
    ]
    with pytest.raises(StackError, match="was never started"):
        _ = Stack(tmp_path / "stack", short_lived=False).addresses


def test_stopping_a_stopped_stack_is_not_an_error(tmp_path: Path) -> None:
    down(tmp_path)
    down(tmp_path, purge=True)
    assert not (tmp_path / "stack").exists()


def test_remove_keeps_other_files(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "notes.txt").write_text("mine")
    Stack(tmp_path, short_lived=True).remove()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_remove_can_keep_logs(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "server.log").write_text("the reason")
    Stack(tmp_path, short_lived=True).remove(keep_logs=True)
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["kafka", "kafka/server.log"]


def test_child_environment_omits_java_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JAVA_HOME", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"):
        monkeypatch.setenv(name, "/nonsense")
    monkeypatch.setenv("PYTHONPATH", "/my/modules")
    environment = child_environment()
    assert "/nonsense" not in environment.values()
    assert environment["PYTHONPATH"].endswith(":/my/modules")


def test_network_module_has_its_jars_and_descriptor_without_module_name(tmp_path: Path) -> None:
    jars, module = tmp_path / "jars", tmp_path / "modules" / "transport-netty4"
    jars.mkdir()
    for name in ("elasticsearch-9.jar", "netty-common-4.jar"):
        (jars / name).write_bytes(b"")
    with zipfile.ZipFile(jars / "transport-netty4-9.jar", "w") as archive:
        path = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"
        archive.writestr(path, "name=transport-netty4\nmodulename=org.example.netty\nversion=9\n")
    module.mkdir(parents=True)
    (module / "netty-common-3.jar").write_bytes(b"of an older version")

    assert install_network_module(jars, module) == [jars / "elasticsearch-9.jar"]
    assert sorted(path.name for path in module.iterdir()) == [
        "netty-common-4.jar",
        "plugin-descriptor.properties",
        "transport-netty4-9.jar",
    ]
    assert (module / "plugin-descriptor.properties").read_text() == "name=transport-netty4\nversion=9"
