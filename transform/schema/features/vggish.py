"""`VGGish`: a frozen network's embedding of the sound track."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Union

from transform.common.config import BY_KIND, Config, Field
from transform.schema.encodings import FeatureLayout, Raw
from transform.schema.frame_placement import FrameSampling


class Embedding(Config):
    """Keeps the values of the embedding layer as they are."""

    kind: Literal["embedding"] = "embedding"


class Pca(Config):
    """Post-processes the embeddings as AudioSet's released ones are.

    Principal components with whitening, clipped to ±2, in 256 levels,
    ⌊(x + 2) · 255 / 4⌋. The feature holds a level as level · 4 / 255 − 2, since models
    read numbers near 1 more easily.
    """

    kind: Literal["pca"] = "pca"
    weights: str = "vggish_pca_params.npz"  # path of the components' file
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})


Postprocess = Annotated[Union[Embedding, Pca], BY_KIND]


class VGGish(Config):
    """VGGish's embedding of each 0.96 s of the sound track: (patches, 128).

    A clip without sound, or with less than 0.975 s of it, has none: its mask is all
    False. `weights` is not hashed, `weights_sha256` is.
    """

    extractor: ClassVar[str] = "transform.extractors.vggish:VGGishExtractor"

    kind: Literal["vggish"] = "vggish"
    name: str = "vggish"  # what records and models call it
    # the most patches of about a second that are stored
    max_patches: int = Field(20, ge=1)
    postprocess: Postprocess = Embedding()  # what is done to the embeddings
    weights: str = "vggish_model.ckpt"  # path of the checkpoint
    weights_sha256: str = ""  # of the weight file; found out where it is empty

    hash_excluded: ClassVar[frozenset[str]] = frozenset({"weights"})
    width: ClassVar[int] = 128

    def tensor(self, sampling: FrameSampling) -> FeatureLayout:
        """Returns the layout of the stored tensor."""
        del sampling
        return FeatureLayout(self.name, self.max_patches, (self.width,), Raw())
