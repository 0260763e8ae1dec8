"""Decoding: searches that write captions with nothing of a model but its step."""

from __future__ import annotations

from typing import Annotated, Union

from keras_models.generation.beam_search import BeamSearch
from keras_models.generation.ensemble_step import ensemble
from keras_models.generation.greedy import Greedy
from keras_models.generation.length_penalty import PowerPenalty, WuPenalty
from keras_models.generation.sampling import Sampling
from keras_models.generation.search import Search
from keras_models.generation.step import StepFn
from transform.common.config import BY_KIND

__all__ = [
    "BeamSearch",
    "Greedy",
    "PowerPenalty",
    "Sampling",
    "Search",
    "SearchConfig",
    "StepFn",
    "WuPenalty",
    "ensemble",
]

SearchConfig = Annotated[Union[Greedy, Sampling, BeamSearch], BY_KIND]
