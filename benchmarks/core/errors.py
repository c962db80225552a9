"""What a user can mend: told in one line, exit status 2."""


class UserError(Exception):
    """Bad input. The message names the file, key or value and the mend; it is printed without a traceback."""
