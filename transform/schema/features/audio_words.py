"""`AudioWords`: the histogram of a codebook's words over the sound track."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Union

from transform.common.config import BY_KIND, Config, Field, root_validator
from transform.common.location import Location
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class SoftAssignment(Config):
    """Shares a window out among its nearest words, the nearer ones getting more.

    Word k at distance d_k from the window, in standard deviations of its values, gets
    exp(−d_k² / 2σ²), divided by the sum over the nearest words.
    """

    kind: Literal["soft"] = "soft"
    nearest: int = Field(5, ge=1)  # how many words share a window; 1 is hard
    spread: float = Field(1.0, gt=0)  # σ; towards 0 the nearest word gets all


class HardAssignment(Config):
    """Counts a window for its nearest word alone (Pancoast and Akbacak, 2012)."""

    kind: Literal["hard"] = "hard"


Assignment = Annotated[Union[SoftAssignment, HardAssignment], BY_KIND]


class AudioWords(Config):
    """A bag of audio words (Pancoast and Akbacak, 2014): one step, (1, words).

    Each 25 ms window of sound, every 10 ms, counts for words of the codebook that its
    mel-frequency cepstral coefficients, their Δ and ΔΔ are near to. The step holds the
    square roots of the words' shares, so that its length is 1. A clip without sound has
    no step: its mask is False.

    MGSA cites the paper of 2014, whose subject is softer quantisation, and gives no
    numbers; those of `assignment` are ours.

    `codebook` names the file, which `kinescribe audio-words` learns from the training
    clips; it is not hashed, `codebook_sha256` is.
    """

    extractor: ClassVar[str] = "transform.extractors.audio_words:AudioWordsExtractor"

    kind: Literal["audio_words"] = "audio_words"
    name: str = "audio_words"  # what records and models call it
    words: int = Field(1024, ge=2)  # size of the codebook
    coefficients: int = Field(13, ge=1)  # and as many Δ and ΔΔ
    bands: int = Field(26, ge=1)  # of the mel scale; HTK's customary number
    assignment: Assignment = SoftAssignment()  # of windows to words
    # path of the codebook that `kinescribe audio-words` wrote
    codebook: Location = Location("audio_words.npz")
    codebook_sha256: str = ""  # of the codebook; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"codebook"})

    @root_validator(skip_on_failure=True)
    def _enough_bands(cls, values: dict[str, Any]) -> dict[str, Any]:
        coefficients, bands = values["coefficients"], values["bands"]
        if coefficients > bands:
            raise ValueError(f"{bands} bands do not give {coefficients} coefficients")
        return values

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        del sampling
        return FeatureLayout(self.name, 1, (self.words,), Raw())
