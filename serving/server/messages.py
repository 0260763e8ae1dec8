"""Reads protocol buffers that strangers sent, wholly or not at all."""

from __future__ import annotations

import warnings
from typing import Any

from google.protobuf.message import DecodeError

from serving.server.refusals import BadInputError

# Behind a stray end of a group protobuf would leave the rest of a message unread and
# warn of it; as an error, its parser raises SystemError.
warnings.filterwarnings("error", "Unexpected end-group tag", RuntimeWarning)


def parse(kind: type[Any], data: bytes, what: str) -> Any:
    """Returns the message that bytes hold.

    Args:
        kind: The class of the message.
        data: The bytes.
        what: What to call them in the error.

    Raises:
        BadInputError: They hold none.
    """
    try:
        return kind.FromString(data)
    except (DecodeError, RuntimeWarning, SystemError) as error:
        raise BadInputError(f"{what} is no {kind.DESCRIPTOR.full_name}") from error
