"""What stops a command: one line that says what, and how to mend it."""


class Trouble(Exception):
    status = 1  # the command's exit status
