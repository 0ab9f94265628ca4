"""Text from outside, made harmless for a terminal and a log."""


def escaped(text: str) -> str:
    """The text with everything but letters, digits, marks, symbols and blanks written out (`\\x1b`): a terminal obeys
    the rest, or turns the direction of the text around; and a line break would begin a line that looks like another."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
