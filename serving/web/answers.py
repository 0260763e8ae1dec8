"""What the gateway answers: the models of its JSON, and captions in other formats."""

from __future__ import annotations

import math
from typing import Any, Literal, Optional

from serving.client import caption_lines
from serving.client.caption_lines import CaptionLine
from serving.client.caption_result import CaptionResult
from transform.common.config import Config, Field

Format = Literal["json", "vtt", "srt", "txt"]
MEDIA_TYPES = {
    "vtt": "text/vtt; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
}


_Settings = Config.Config  # pydantic's, of every configuration


class Answer(Config):
    """Part of an answer; its description says which values may be null."""

    class Config(_Settings):
        """How the answers are described."""

        @staticmethod
        def schema_extra(schema: dict[str, Any], model: type[Answer]) -> None:
            """Adds null, which pydantic leaves out, to what may be it."""
            for name, field in model.__fields__.items():
                described = schema["properties"][name]
                if field.allow_none and "type" in described:
                    kind = {"type": described.pop("type")}
                    described["anyOf"] = [kind, {"type": "null"}]


class Word(Answer):
    """A word of a caption."""

    word: str
    probability: Optional[float]  # after the words before it; None of older models


class Caption(Answer):
    """A caption of a clip."""

    caption: str
    confidence: float  # the geometric mean of its words' probabilities
    probability: float  # of the whole caption
    log_prob: float  # the logarithm of that
    words: tuple[Word, ...]


class Picture(Answer):
    """A frame of a clip."""

    second: float  # from the clip's beginning
    picture: str  # a data URL


class FlowPicture(Answer):
    """The optical flow at a step: hue is direction, depth of colour is speed."""

    span: tuple[float, float]  # seconds from the clip's beginning
    seen: tuple[float, float, float, float]  # y1, x1, y2, x2, shares of the frame
    picture: str  # a data URL


class Segment(Answer):
    """A clip: a whole file, or a part of one."""

    start: float  # seconds, by the file's own clock
    end: Optional[float]  # None of a photograph
    captions: tuple[Caption, ...] = ()  # best first; empty if there is an error
    error: str = ""  # why there are none
    status: str = ""  # "ok", "short" or "repaired", as `kinescribe inspect` has it
    reason: str = ""  # what was repaired, or is missing
    # Weights by name, with the places of their steps and cells.
    attention: dict[str, Any] = Field(default_factory=dict)
    frames: tuple[Picture, ...] = ()
    flow: tuple[FlowPicture, ...] = ()


class ModelName(Answer):
    """A version of a model."""

    name: str
    version: Optional[int]  # None: the newest
    spec_hash: str = ""  # of the features that it reads


class Captions(Answer):
    """The captions of an upload."""

    clip: str  # the name that the upload came with
    media_type: str
    model: ModelName
    width: int = 0  # pixels of the upright picture
    height: int = 0
    segments: tuple[Segment, ...]  # one of a whole clip


class JobState(Answer):
    """How far a job is."""

    id: str
    status: Literal["waiting", "running", "done", "failed", "cancelled"]
    done: int = 0  # clips that are captioned
    total: int = 0  # clips; 0 while that is not known
    error: str = ""  # why it failed


class Problem(Answer):
    """Why a request was refused."""

    error: str


class ServedModel(Answer):
    """A model that the gateway's server has."""

    name: str
    versions: tuple[int, ...]  # newest first
    error: str = ""  # why there are none


class Models(Answer):
    """The models that can be asked for."""

    models: tuple[ServedModel, ...]


def captions_of(result: CaptionResult) -> tuple[Caption, ...]:
    """Returns a clip's captions; a search may find fewer than it has room for."""
    of_words = result.word_probabilities or ((None,),) * len(result.captions)
    found = []
    for text, words, chances, log_prob, confidence in zip(
        result.captions,
        result.words,
        of_words,
        result.log_probs,
        result.confidences,
        strict=True,
    ):
        if not math.isfinite(log_prob):
            continue
        if len(chances) != len(words):
            chances = (None,) * len(words)
        found.append(
            Caption(
                caption=text,
                confidence=confidence,
                probability=math.exp(log_prob),
                log_prob=log_prob,
                words=tuple(
                    Word(word=word, probability=chance)
                    for word, chance in zip(words, chances, strict=True)
                ),
            )
        )
    return tuple(found)


def shortened(captions: Captions, top_k: int, attention: bool) -> Captions:
    """Returns what was asked for: the first captions, with or without attention."""
    dropped: dict[str, Any] = {} if attention else {"attention": {}, "flow": ()}
    return captions.copy(
        update={
            "segments": tuple(
                segment.copy(update={"captions": segment.captions[:top_k], **dropped})
                for segment in captions.segments
            )
        }
    )


def as_text(captions: Captions, form: str) -> str:
    """Returns captions as a file of subtitles or of text."""
    lines = (
        CaptionLine(
            captions.clip,
            segment.start,
            segment.end,
            segment.captions[0].caption if segment.captions else "",
            segment.captions[0].confidence if segment.captions else 0.0,
            segment.error,
        )
        for segment in captions.segments
    )
    return caption_lines.to_text(f".{form}", lines)
