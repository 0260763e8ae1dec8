"""Saved models that the commands under test make one of."""

from __future__ import annotations

import pathlib

import click.testing
from typer.testing import CliRunner

from keras_models.captioner import Captioner
from keras_models.captioning_model import CaptioningModel
from kinescribe import cli
from tests.support import corpora, small_runs
from transform.records.vocabulary import Vocabulary


def save_member(folder: pathlib.Path, vocabulary: Vocabulary) -> str:
    """Saves a small model; the argument that names it as its folder is named."""
    config = small_runs.settings().preset().model
    captioner = Captioner(config, corpora.SPEC, len(vocabulary), max_words=4)
    CaptioningModel(captioner.build_from_spec(), vocabulary).save(folder)
    return f"{folder.name}={folder}"


def run(*arguments: object) -> click.testing.Result:
    """Runs `kinescribe` with these words."""
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(cli.app, words, catch_exceptions=False)
