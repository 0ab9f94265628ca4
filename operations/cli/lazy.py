"""Command groups that import a command's module only when the command runs."""

from collections.abc import Mapping
from importlib import import_module

import click


class LazyGroup(click.Group):
    """A group whose commands are in other modules."""

    commands_of: Mapping[str, str]
    """Command name to `module:function`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self.commands_of)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands_of:
            return None
        module, _, function = self.commands_of[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), function)
        return command


def lazy_group(commands_of: Mapping[str, str]) -> type[LazyGroup]:
    """A group class with these commands, for `click.group(cls=...)`."""
    return type("LazyGroup", (LazyGroup,), {"commands_of": commands_of})
