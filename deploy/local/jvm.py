"""How the servers' JVMs run: options, environment, logging."""

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
# These two print each of Kafka's 300 settings, several times over.
logger.values.name = org.apache.kafka.common.config.AbstractConfig
logger.values.level = warn
logger.broker.name = kafka.server.KafkaConfig
logger.broker.level = warn
"""
"""log4j2.properties of both servers: everything to standard output, which is the server's log."""

DISTURBING: Final = frozenset({"JAVA_HOME", "CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"})

# The optimising compiler takes from two cores what the server needs. Processor time of Elasticsearch's start and first
# 120,000 documents, and then of 120,000 more after half a million: without it, 16 s and 7 s; as JVMs come, 31 s and
# 5 s; called ten times as late, 25 s and 4 s.
SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1",)
LONG_LIVED: Final = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
)


def jvm_options(home: Path, short_lived: bool) -> tuple[str, ...]:
    """What both servers' JVMs get."""
    return (
        mark(home),
        f"-Djava.io.tmpdir={home / 'tmp'}",  # where compression libraries unpack themselves, and leave that behind
        "-Djava.awt.headless=true",
        "-XX:+UseSerialGC",  # a quarter less memory than G1 on two cores, and as fast
        "-XX:-UsePerfData",  # a file in /tmp that a killed JVM leaves behind
        "--enable-native-access=ALL-UNNAMED",
        *(SHORT_LIVED if short_lived else LONG_LIVED),
    )


def child_environment() -> dict[str, str]:
    """Our environment, without what changes a JVM, and with the path to this package, installed or not."""
    ours = {name: value for name, value in os.environ.items() if name not in DISTURBING}
    path = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    # A JVM reads its command line, with our paths in it, by the locale: in the C locale, as ASCII.
    return {**ours, "PYTHONPATH": os.pathsep.join(path), "LC_ALL": "C.UTF-8"}
