"""`hashtide settings`."""

import json
import os

import click
import msgspec

from hashtide.settings import described, without_login
from operations.settings import KINDS
from operations.terminal import as_json


@click.command()
@as_json
def settings(json_: bool) -> None:
    """List all settings: name, value, meaning, type and default."""
    all_ = {setting.name: setting for kind in KINDS for setting in described(kind)}
    if json_:
        click.echo(json.dumps([msgspec.to_builtins(s) | {"value": _value_now(s.name)} for s in all_.values()]))
        return
    for setting in all_.values():
        now = _value_now(setting.name)
        click.echo(click.style(setting.name, bold=True) + (f"  (now {now})" if now else ""))
        click.echo(f"    {setting.meaning}")
        click.echo(f"    {setting.type}, default {setting.default or 'unset'}")


def _value_now(name: str) -> str | None:
    value = os.environ.get(name)
    return "***" if value and name.endswith("_TOKEN") else value and without_login(value)
