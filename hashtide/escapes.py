"""Text from outside, made harmless for a terminal and a log."""

from json import dumps


def escaped(text: str) -> str:
    """The text with everything but letters, digits, marks, symbols and blanks written out (`\\x1b`): a terminal obeys
    the rest, or turns the direction of the text around; and a line break would begin a line that looks like another."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def escaped_json(json: str) -> str:
    """JSON that says the same, with the same characters written out as JSON does: they are in strings alone."""
    if json.isprintable():
        return json
    return "".join(char if char.isprintable() or char == "\n" else dumps(char)[1:-1] for char in json)
