"""Small parts of the page: a figure, the drivers of a spike, an entry of the legend."""

from operations.watch import words
from operations.watch.model import ChartSeries, ViewData
from operations.watch.names import Dimension, name
from operations.watch.parts import Node, box


class Figure:
    """A large number with its label and context."""

    def __init__(self, label: str, classes: str) -> None:
        with box("div", classes=classes) as self._box:
            Node("h2", label)
            self._number = Node("p", classes="number")
            self._comparison = Node("p", classes="against")
            self._time = Node("p", classes="quiet")

    def show(self, number: str, comparison: str, time: str, high: bool) -> None:
        """Show a number. `high`: far above the usual."""
        self._number.set_text(number)
        self._comparison.set_text(comparison)
        self._time.show_text(time)
        self._box.classes(**({"add": "high"} if high else {"remove": "high"}))


class Drivers:
    """The keys of one dimension that grew most in the spike."""

    def __init__(self, dimension: Dimension) -> None:
        self._dimension = dimension
        with box("div") as self._box:
            Node("dt", words.ONE[dimension])
            self._lines = []
            for _ in range(3):
                with box("dd") as line:
                    self._lines.append((line, Node("bdi"), Node("span", classes="quiet")))

    def show(self, data: ViewData) -> None:
        """Show the drivers; hidden without a spike."""
        drivers = data.drivers.get(self._dimension, ()) if data.spike else ()
        self._box.set_visibility(bool(drivers))
        for index, (line, title, text) in enumerate(self._lines):
            line.set_visibility(index < len(drivers))
            if index < len(drivers) and data.spike:
                title.set_text(name(self._dimension, drivers[index].key))
                text.set_text(words.driver_text(drivers[index]))


class LegendEntry:
    """A colour of the chart, with its name and total."""

    def __init__(self) -> None:
        with box("li") as self._entry:
            self._swatch = box("i", **{"aria-hidden": "true"})
            self._name = Node("bdi")
            self._posts = Node("span", classes="quiet")

    def show(self, series: ChartSeries | None, colour: str) -> None:
        """Show a series; None hides the entry."""
        self._entry.set_visibility(series is not None)
        if series is not None:
            self._swatch.style(replace=f"background: {colour}")
            self._name.set_text(series.name)
            self._posts.set_text(f"{sum(series.values):,}")
