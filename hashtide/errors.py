"""Expected failures: the message says what to do, so it is shown without a traceback."""


class HashtideError(Exception):
    """Base class of every error that a user can act on."""

    exit_status = 1
