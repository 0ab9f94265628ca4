"""The option `--speed`."""

import click


class Speed(click.ParamType):
    """`max`, or how many times as fast as it happened."""

    name = "max|N"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        if value == "max":
            return None
        try:
            speed = float(str(value))
        except ValueError:
            speed = 0.0
        if not 0 < speed < float("inf"):
            self.fail(f"{value!r} is neither 'max' nor a number above 0", param, ctx)
        return speed


speed_option = click.option(
    "--speed",
    type=Speed(),
    default="max",
    show_default=True,
    help="max: as fast as Kafka takes it; 1: as fast as it happened; N: N times as fast.",
)
