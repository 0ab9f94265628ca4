"""JVM options, environment and logging of both servers."""

import os
from pathlib import Path
from typing import Final

from deploy.local.process import mark

LOG4J: Final = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
# These two print all 300 Kafka settings, several times.
logger.values.name = org.apache.kafka.common.config.AbstractConfig
logger.values.level = warn
logger.broker.name = kafka.server.KafkaConfig
logger.broker.level = warn
"""
"""log4j2.properties of both servers: everything goes to standard output, which is the server's log."""

JVM_VARIABLES: Final = frozenset({"JAVA_HOME", "CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})

# On two cores, the optimising compiler takes CPU that the server needs. CPU time of Elasticsearch's start with its
# first 120,000 documents, and of 120,000 more after half a million: without the compiler, 16 s and 7 s; by default,
# 31 s and 5 s; with ten times higher thresholds, 25 s and 4 s.
SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1",)
LONG_LIVED: Final = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)


def jvm_options(home: Path, short_lived: bool) -> tuple[str, ...]:
    """The JVM options of both servers."""
    return (
        mark(home),
        f"-Djava.io.tmpdir={home / 'tmp'}",  # compression libraries unpack themselves here and do not clean up
        "-Djava.awt.headless=true",
        "-XX:+UseSerialGC",  # a quarter less memory than G1 on two cores, at the same speed
        "-XX:-UsePerfData",  # a file in /tmp that a killed JVM leaves behind
        "--enable-native-access=ALL-UNNAMED",
        *(SHORT_LIVED if short_lived else LONG_LIVED),
    )


def child_environment() -> dict[str, str]:
    """Our environment without variables that affect a JVM, and with this package on PYTHONPATH, installed or not."""
    ours = {name: value for name, value in os.environ.items() if name not in JVM_VARIABLES}
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A JVM decodes its command line, which contains our paths, by the locale: the C locale means ASCII.
    return {**ours, "PYTHONPATH": os.pathsep.join(path), "LC_ALL": "C.UTF-8"}
