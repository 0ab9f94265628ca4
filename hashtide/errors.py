"""What goes wrong in a known way: the message says what to do, so it is shown without a traceback."""


class HashtideError(Exception):
    """The base of every error that a user can do something about."""

    exit_status = 1
