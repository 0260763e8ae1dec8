"""`AudioWords`: the histogram of a codebook's words over the sound track."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from transform.common.config import Config, Field, root_validator
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class AudioWords(Config):
    """A bag of audio words (Pancoast and Akbacak, 2012): one step, (1, words).

    Each 25 ms window of sound, every 10 ms, counts for the word of the codebook that
    its mel-frequency cepstral coefficients, their Δ and ΔΔ are nearest to. The step
    holds the square roots of the words' shares, so that its length is 1. A clip without
    sound has no step: its mask is False.

    `codebook` names the file, which `kinescribe audio-words` learns from the training
    clips; it is not hashed, `codebook_sha256` is.
    """

    kind: Literal["audio_words"] = "audio_words"
    name: str = "audio_words"  # what records and models call it
    words: int = Field(1024, ge=2)  # size of the codebook
    coefficients: int = Field(13, ge=1)  # and as many Δ and ΔΔ
    bands: int = Field(26, ge=1)  # of the mel scale; HTK's customary number
    # path of the codebook that `kinescribe audio-words` wrote
    codebook: str = "audio_words.npz"
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
