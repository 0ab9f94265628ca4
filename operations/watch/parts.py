"""Building blocks of the page: native HTML elements. Text is always set as text, and only if it changes."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement


class Node(TextElement):
    """An element with text; the browser never interprets it as HTML."""

    def __init__(self, tag: str, text: str = "", *, classes: str = "", **attributes: str) -> None:
        super().__init__(tag=tag, text=text)
        self.classes(classes)
        self.props.update(**attributes)

    def show_text(self, text: str) -> None:
        """Show the text; an empty text hides the element, also from screen readers."""
        self.text = text
        self.set_visibility(bool(text))


def box(tag: str, *, classes: str = "", **attributes: str) -> Element:
    """An element that contains others."""
    element = Element(tag).classes(classes)
    element.props.update(**attributes)
    return element


class Choice(msgspec.Struct, frozen=True):
    """One option."""

    value: str
    label: str


class Radios:
    """Choose one of a few: native radio buttons in a fieldset, so arrow keys and screen readers work."""

    def __init__(
        self, name: str, legend: str, choices: Sequence[Choice], chosen: str, on_change: Callable[[str], Any]
    ) -> None:
        with box("fieldset", classes="radios"):
            Node("legend", legend)
            with box("div", classes="segments"):
                for choice in choices:
                    with box("label"):
                        button = box("input", type="radio", name=name, value=choice.value)
                        if choice.value == chosen:
                            button.props.update(checked=True)
                        button.on("change", _handler(choice.value, on_change))
                        Node("span", choice.label)


def _handler(value: str, on_change: Callable[[str], Any]) -> Callable[[], Any]:
    return lambda: on_change(value)


class Select:
    """Choose one of many: a native select. `offer` changes the options and keeps the choice."""

    def __init__(
        self, label: str, any_: str, chosen: str | None, on_change: Callable[[str | None], Awaitable[None]]
    ) -> None:
        self._any, self._chosen, self._on_change = any_, chosen, on_change
        self._offered: tuple[str, ...] | None = None
        with box("label", classes="select"):
            Node("span", label)
            self._element = box("select")
        self._element.on("change", self._changed, js_handler="(event) => emit(event.target.selectedIndex)")
        self.offer(())

    def offer(self, values: Sequence[str]) -> None:
        """Set the options, in addition to "all". The current choice stays an option, even without data."""
        chosen = () if self._chosen is None or self._chosen in values else (self._chosen,)
        offered = (*values, *chosen)
        if offered == self._offered:
            return
        self._offered = offered
        self._element.clear()
        with self._element:
            for value in (None, *offered):
                option = Node("option", self._any if value is None else value)
                if value == self._chosen:
                    option.props.update(selected=True)

    async def _changed(self, event: Any) -> None:
        offered = (None, *(self._offered or ()))
        # By index, checked: the browser may send anything.
        if isinstance(event.args, int) and 0 <= event.args < len(offered):
            self._chosen = offered[event.args]
            await self._on_change(self._chosen)


class Cell(msgspec.Struct, frozen=True):
    """A cell of a grid."""

    text: str
    style: str = ""
    classes: str = ""


class Grid:
    """A native table that reuses its elements: an update touches only what has changed."""

    def __init__(self, caption: str, *, classes: str = "card") -> None:
        with box("div", classes=classes), box("table", classes="grid"):
            self._caption = Node("caption", caption)
            with box("thead"):
                self._head = box("tr")
            self._body = box("tbody")
        self._headings: list[Node] = []
        self._rows: list[tuple[Element, list[tuple[Element, Node]]]] = []

    def show(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Show rows. The first column names the row; the others are numbers."""
        while len(self._headings) < len(headings):
            with self._head:
                self._headings.append(Node("th", scope="col"))
        for heading, text in zip(self._headings, headings, strict=False):
            heading.set_text(text)
        for heading in self._headings[len(headings) :]:
            heading.set_text("")
        while len(self._rows) < len(rows):
            with self._body:
                self._rows.append((box("tr"), []))
        for (row, existing), cells in zip(self._rows, rows, strict=False):
            row.set_visibility(True)
            while len(existing) < len(cells):
                with row:
                    outer = box("td") if existing else box("th", scope="row")
                    with outer:
                        existing.append((outer, Node("bdi")))
            for (outer, text_), cell in zip(existing, cells, strict=False):
                text_.set_text(cell.text)
                outer.style(replace=cell.style)
                outer.classes(replace=cell.classes)
            for outer, text_ in existing[len(cells) :]:
                text_.set_text("")
                outer.style(replace="")
        for row, _ in self._rows[len(rows) :]:
            row.set_visibility(False)
