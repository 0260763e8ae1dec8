"""The starter model: real words for a clip before anybody has trained anything."""

from __future__ import annotations

import importlib.resources
import pathlib

NAME = "starter"  # what people call it on a command line

NOTICE = (
    "No --model was given: the starter model writes. It learnt from Flickr8k's "
    "photographs, for research and non-commercial use, and has never seen motion."
)


def folder() -> pathlib.Path:
    """Returns the folder of the starter model's versions, in a checkout or installed.

    Beside the versions it holds `captioner`, the weights that a training may begin
    with, and the model's card.
    """
    checkout = pathlib.Path(__file__).parents[1] / NAME
    if checkout.is_dir():
        return checkout
    return pathlib.Path(str(importlib.resources.files("kinescribe"))) / NAME


def weights(named: str) -> str:
    """Returns the folder of weights that is meant by a path or by `starter`."""
    return str(folder() / "captioner") if named == NAME else named
