"""The option `--speed`."""

import click


class Speed(click.ParamType):
    """`max`, or a factor of real time."""

    name = "max|N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "max":
            return None
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} must be 'max' or a number above 0", param, ctx)
        return speed


speed_option = click.option(
    "--speed",
    type=Speed(),
    default="max",
    show_default=True,
    help="max: as fast as Kafka accepts posts; 1: real time; N: N times real time.",
)
