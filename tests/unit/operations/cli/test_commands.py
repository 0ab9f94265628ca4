"""Every command in the tables can be imported and has a help text."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from operations.cli.main import cli


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("words", list(commands(cli)), ids=" ".join)
def test_command_has_unique_name_and_help_text(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*words, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {' '.join(words)} [OPTIONS]")
    assert len(result.output.splitlines()[2]) > 20


def test_unknown_command_is_not_found() -> None:
    result = CliRunner().invoke(cli, ["counst"])
    assert (result.exit_code, "No such command 'counst'" in result.output) == (2, True)
