"""The attention weights that every model returns, and their shapes in `tiny` models.

A word's weights; those of the encoder, which has seen no word, are told by `ENCODER`.
"""

from __future__ import annotations

from tests.support.tiny import STEPS

Shapes = dict[str, tuple[int, ...]]

T, S, R = STEPS, 4, 2  # frames, cells of a grid, regions of a frame

TEMPORAL: Shapes = {"temporal": (T,)}
GRID: Shapes = {"spatial": (S,)}
KEY_FRAME: Shapes = {"keyframe": (T,)}
STATS: Shapes = {"branch": (2,), **TEMPORAL, **GRID, "st_spatial": (S,)}
STATS_FR: Shapes = {"branch": (2,), **TEMPORAL, "spatial": (R,), "st_spatial": (T, R)}
PLACES: Shapes = TEMPORAL | {"spatial": (T, S)}
DUAL_AFR: Shapes = PLACES | {"level": (4,)}


def second(shapes: Shapes) -> Shapes:
    """The names in a second attention."""
    return {f"{name}_2": shape for name, shape in shapes.items()}


MGSA = (
    "mgsa",
    "mgsa_no_garu",
    "spatial_attention_garu_stateless",
    "spatial_attention_stateless",
    "mgsa_g",
    "mgsa_ic",
    "mgsa_iac",
    "mgsa_audio",
)
ENCODER: dict[str, Shapes] = {
    **{name: {"spatial": (T, S)} for name in MGSA},
    "vre": KEY_FRAME,
    "vre_no_rl": KEY_FRAME,
    "vre_silent": KEY_FRAME,
}

DECODER: dict[str, Shapes] = {
    **dict.fromkeys(MGSA, TEMPORAL),
    "spatial_attention_garu": PLACES,
    "spatial_attention": PLACES,
    "stats": STATS,
    "stats_st": GRID,
    "stats_ts": TEMPORAL | GRID,
    "stats_fr": STATS_FR,
    "stats_st_fr": {"spatial": (T, R)},
    "stats_ts_fr": TEMPORAL | {"spatial": (R,)},
    "stats_pool_mean": GRID,
    "stats_pool_lstm": GRID,
    "stats_pool_mean_lstm": GRID,
    "stats_pool_temporal": TEMPORAL | {"spatial": (T, S)},
    "stats_pool_mean_temporal": TEMPORAL,
    "stats_pool_ranked": GRID,
    "stats_pool_mean_ranked": GRID,
    "stats_i3d_fl": STATS | second(STATS),
    "stats_fr_fl": STATS_FR | second(STATS),
    "stats_r152": STATS,
    "stats_r152_c3d": STATS | second(STATS),
    "stats_i3d_fl_c": STATS | second(STATS),
    "vre": TEMPORAL | GRID,
    "vre_no_rl": TEMPORAL | GRID,
    "vre_kbigru_sound_rl": TEMPORAL | GRID,
    "vre_kbigru_sound": TEMPORAL | GRID,
    "vre_kbigru": TEMPORAL,
    "vre_attention": TEMPORAL | GRID,
    "vre_soft_att": TEMPORAL,
    "vre_mean_pool": TEMPORAL,
    "vre_silent": TEMPORAL | GRID,
    "vatex_vanilla": {},
    "vatex_temporal": TEMPORAL,
    "vatex_spatial": TEMPORAL | {"spatial": (T, R)},
    "vatex_vanilla_rl": {},
    "vatex_temporal_rl": TEMPORAL,
    "vatex_spatial_rl": TEMPORAL | {"spatial": (T, R)},
    "dual_afr_soft": DUAL_AFR,
    "dual_afr_hard": DUAL_AFR,
    "dual_afr_resnet": {},
    "dual_afr_fc7": {},
    "dual_afr_pool2": PLACES,
    "dual_afr_pool3": PLACES,
    "dual_afr_pool4": PLACES,
    "dual_afr_pool5": PLACES,
    "dual_afr_mlp": DUAL_AFR,
    "dual_afr_max": DUAL_AFR,
    "dual_afr_mean": DUAL_AFR,
    "dual_afr_hypercolumn": DUAL_AFR,
}
