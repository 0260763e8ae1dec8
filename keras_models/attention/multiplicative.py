"""Multiplicative attention over frames, or over the cells of a grid."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from keras_models.attention.item_attention import ItemAttention
from keras_models.attention.sources import Frames, Grid
from keras_models.layers.multiplicative_score import MultiplicativeScore
from keras_models.weight_axes import EncodedSources, NamedAxes
from transform.common.config import BY_KIND, Config, Field

SourceConfig = Annotated[Union[Frames, Grid], BY_KIND]


class MultiplicativeConfig(Config):
    """VRE's attention (Shi et al., 2019, Sec. 3.3); `over` chooses AttT or AttS."""

    kind: Literal["multiplicative"] = "multiplicative"
    over: SourceConfig = Frames()  # what is attended to
    units: int = Field(512, ge=1)  # not given; the hidden state's size

    def build(self, name: str = "attention") -> MultiplicativeAttention:
        """Returns the layer that this configuration describes."""
        return MultiplicativeAttention(self.over, self.units, name=name)

    def weight_axes(self, sources: EncodedSources) -> NamedAxes:
        """Returns what the weights are about: the encoder's frames, or a grid."""
        return self.over.weight_axes(sources)


class MultiplicativeAttention(ItemAttention):
    """Multiplicative attention over frames or cells (Shi et al., 2019, Eq. 14–16).

        α = softmax_i(w^T tanh(W_h q ⊙ W_v v_i)) ,  v = Σ_i α_i v_i

    Returns:
        `Context` with `vector` (B, D) and α under the source's names; all 0 for a
        video without a single item. There is no state.
    """

    def __init__(self, source: Frames | Grid, units: int, **kwargs: Any):
        super().__init__(source, MultiplicativeScore(units, name="energy"), **kwargs)
