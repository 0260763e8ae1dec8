"""Who runs a command, for those who look at what was done later."""

from __future__ import annotations

import getpass
import os


def current() -> str:
    """Returns the name of this process' user; its number where it has no name.

    A container's user may be in no list of users.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
