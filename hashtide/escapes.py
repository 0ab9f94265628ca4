"""Makes text from outside safe for a terminal and a log."""

from json import dumps


def escaped(text: str) -> str:
    """The text with every unprintable character escaped (`\\x1b`): a terminal would obey it, or reverse the direction
    of the text; a line break would fake another log line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def escaped_json(json: str) -> str:
    """Equal JSON, with the same characters escaped the JSON way (they occur only in strings); line breaks stay."""
    if json.isprintable():
        return json
    return "".join(char if char.isprintable() or char == "\n" else dumps(char)[1:-1] for char in json)
