"""How many parameters every model has at its paper's size, counted by hand."""

from __future__ import annotations

VOCABULARY = 10_000


def dense(inputs: int, units: int) -> int:
    return inputs * units + units


def lstm(inputs: int, units: int) -> int:
    return 4 * units * (inputs + units + 1)


def additive(query: int, key: int, units: int) -> int:
    """W_h, W_x, b and w of w^T tanh(W_h h + W_x x + b)."""
    return query * units + dense(key, units) + units


# ------------------------------------------------------------------------------ MGSA


def mgsa(guide: int, recurrence: int, width: int, fused: int = 0, clip: int = 0) -> int:
    """Frames of `width`, attended with `fused` more, beside `clip` of the whole."""
    upper = lstm(1024 + width + fused + clip, 1024)
    decoder = 512 * VOCABULARY + lstm(512, 1024) + upper + dense(1024, VOCABULARY)
    return guide + recurrence + additive(2048, width, 512) + decoder


def garu(cells: int, width: int) -> int:
    """W and U of r, z and h', V of r and z; no biases."""
    return 6 * cells * cells + 2 * cells * width


# Φ_c: 3 × 3 kernels, 12 planes → 32 → 64 → 64 → 64 → 1.
FLOW_GUIDE = sum(
    dense(9 * inputs, outputs)
    for inputs, outputs in [(12, 32), (32, 64), (64, 64), (64, 64), (64, 1)]
)
MLP_GUIDE = additive(1536, 1536, 256)
STATE_GUIDE = additive(2048, 1536, 256) + 1536 * 256
MGSA = mgsa(FLOW_GUIDE, garu(64, 1536), 1536)

# ----------------------------------------------------------------------------- STaTS

CELLS = 512  # every stream is embedded to that width
QUERY = 512 + 256  # the LSTM's state and the self-attended words
ATTENTION = additive(QUERY, CELLS, 128)
ST_MEAN = ATTENTION
ST_RANKED = ATTENTION + lstm(CELLS, CELLS)
TS = 2 * ATTENTION  # frames, then cells
FUSION = 128 * QUERY + 2 * (128 * CELLS + 128)
STATS_LOOK = ST_RANKED + TS + FUSION


def stats(look: int, *widths: int, clip: tuple[int, ...] = ()) -> int:
    """Streams of these widths, each with its own look, and vectors of the clip."""
    streams = len(widths)
    embedded = sum(dense(width, CELLS) for width in (*widths, *clip))
    words = 256 * VOCABULARY + 3 * 256 * 256  # embeddings; W_q, W_k, W_v
    inputs = 256 + CELLS * (streams + len(clip))
    decoder = words + lstm(inputs, 512) + dense(512, VOCABULARY)
    return embedded + streams * look + decoder


# ------------------------------------------------------------------------------- VRE

MAP = 2048  # width of ResNet-152's maps


def multiplicative(query: int) -> int:
    """W_h, W_v and w of w^T tanh(W_h h ⊙ W_v v)."""
    return query * 512 + MAP * 512 + 512


def first_step(sound: int) -> int:
    """Two GRUs, W_c and W_a."""
    gru = dense(MAP, 3 * 512) + 512 * 3 * 512
    return 2 * gru + dense(2 * 512, 512) + dense(512 + sound, 512)


def refocusing(sound: int) -> int:
    """The first step, W_o, W_v, W_α and W_m; not the copy that is kept of them."""
    return first_step(sound) + multiplicative(512) + dense(2 * 512, 512)


def vre_decoder(query: int, attentions: int, sound: int = 0, maps: int = 0) -> int:
    """The LSTM reads `maps` attended vectors, by default one of each attention."""
    attended = (maps or attentions) * MAP
    words = 512 * VOCABULARY + dense(512, VOCABULARY)
    inputs = lstm(attended + sound + 512, 512)
    return words + inputs + attentions * multiplicative(query)


# ------------------------------------------------------------------------ VATEX-2019


def vatex(memory: int = 0, attended: int = 0) -> int:
    """v̄ of three modalities; a memory's embedding and what attention adds."""
    summary = dense(2048 + 2048 + 128, 512)
    lower = lstm(512 + 512 + 512, 512)  # v̄, the word, h2
    upper = lstm(512 + attended, 512)
    words = 512 * VOCABULARY + dense(512, VOCABULARY)
    attention = additive(512, 512, 512) if attended else 0
    return summary + memory + attention + lower + upper + words


VATEX_ATTENDED = vatex(dense(2048 + 2048, 512), 512)

# --------------------------------------------------------------------------- dualAFR

# Pool layers' channels, the cells of a block, and of a kernel.
POOLS = [(128, 8**3, 7**3), (256, 4**3, 5**3), (512, 2**3, 3**3), (512, 1, None)]
CONVOLVED = [dense(kernel * width, 512) for width, _, kernel in POOLS[:3]] + [0]


def dual_afr(levels: int, attention: int = 0, clip: int = 4096) -> int:
    """C of the clip's vector; an attention that hands on 512."""
    inputs = 300 + (512 if attention else 0)
    words = 300 * VOCABULARY + dense(512, VOCABULARY)
    return levels + dense(clip, 512) + attention + lstm(inputs, 512) + words


def perceptrons(*widths: int) -> int:
    return sum(dense(width, 512) + dense(512, 512) for width in widths)


ONE_LEVEL = additive(512, 512, 512)
FOUR_LEVELS = additive(512, 4 * 512, 512) + additive(512, 512, 512)
DUAL_AFR = dual_afr(sum(CONVOLVED), FOUR_LEVELS)
DUAL_AFR_POOLED = dual_afr(perceptrons(*(w for w, _, _ in POOLS)), FOUR_LEVELS)

PARAMETERS: dict[str, int] = {
    "mgsa": MGSA,
    "mgsa_no_garu": mgsa(FLOW_GUIDE, 0, 1536),
    "spatial_attention_garu": mgsa(STATE_GUIDE, garu(64, 1536), 1536),
    "spatial_attention": mgsa(STATE_GUIDE, 0, 1536),
    "spatial_attention_garu_stateless": mgsa(MLP_GUIDE, garu(64, 1536), 1536),
    "spatial_attention_stateless": mgsa(MLP_GUIDE, 0, 1536),
    "mgsa_g": mgsa(FLOW_GUIDE, garu(49, 1024), 1024),
    "mgsa_ic": mgsa(FLOW_GUIDE, garu(64, 1536), 1536, fused=4096),
    "mgsa_iac": mgsa(FLOW_GUIDE, garu(64, 1536), 1536, fused=4096, clip=1024 + 20),
    "mgsa_audio": mgsa(FLOW_GUIDE, garu(64, 1536), 1536, clip=64),
    "stats": stats(STATS_LOOK, 2048),
    "stats_st": stats(ST_RANKED, 2048),
    "stats_ts": stats(TS, 2048),
    "stats_fr": stats(STATS_LOOK, 2048),
    "stats_st_fr": stats(ST_RANKED, 2048),
    "stats_ts_fr": stats(TS, 2048),
    "stats_pool_mean": stats(ST_MEAN, 2048),
    "stats_pool_lstm": stats(ST_RANKED, 2048),
    "stats_pool_mean_lstm": stats(ST_RANKED, 2048),
    "stats_pool_temporal": stats(ATTENTION, 2048),
    "stats_pool_mean_temporal": stats(ATTENTION, 2048),
    "stats_pool_ranked": stats(ST_RANKED, 2048),
    "stats_pool_mean_ranked": stats(ST_RANKED, 2048),
    "stats_i3d_fl": stats(STATS_LOOK, 2048, 2048),
    "stats_fr_fl": stats(STATS_LOOK, 2048, 2048),
    "stats_r152": stats(STATS_LOOK, 2048),
    "stats_r152_c3d": stats(STATS_LOOK, 2048, 512),
    "stats_i3d_fl_c": stats(STATS_LOOK, 2048, 2048, clip=(20,)),
    "vre": refocusing(128) + vre_decoder(2 * 512, 2, 128),
    "vre_no_rl": refocusing(128) + vre_decoder(2 * 512, 2, 128),
    "vre_kbigru_sound_rl": first_step(128) + vre_decoder(2 * 512, 2, 128),
    "vre_kbigru_sound": first_step(128) + vre_decoder(2 * 512, 2, 128),
    "vre_kbigru": first_step(0) + vre_decoder(2 * 512, 1),
    "vre_attention": vre_decoder(512, 2),
    "vre_soft_att": vre_decoder(512, 1),
    "vre_mean_pool": vre_decoder(0, 0, maps=1),
    "vre_silent": refocusing(0) + vre_decoder(2 * 512, 2),
    "vatex_vanilla": vatex(),
    "vatex_temporal": VATEX_ATTENDED,
    "vatex_spatial": VATEX_ATTENDED,
    "vatex_vanilla_rl": vatex(),
    "vatex_temporal_rl": VATEX_ATTENDED,
    "vatex_spatial_rl": VATEX_ATTENDED,
    "dual_afr_soft": DUAL_AFR,
    "dual_afr_hard": DUAL_AFR,
    "dual_afr_resnet": dual_afr(lstm(2048, 512), clip=512),
    "dual_afr_fc7": dual_afr(0),
    "dual_afr_pool2": dual_afr(CONVOLVED[0], ONE_LEVEL),
    "dual_afr_pool3": dual_afr(CONVOLVED[1], ONE_LEVEL),
    "dual_afr_pool4": dual_afr(CONVOLVED[2], ONE_LEVEL),
    "dual_afr_pool5": dual_afr(CONVOLVED[3], ONE_LEVEL),
    "dual_afr_mlp": dual_afr(
        perceptrons(*(width * cells for width, cells, _ in POOLS)), FOUR_LEVELS
    ),
    "dual_afr_max": DUAL_AFR_POOLED,
    "dual_afr_mean": DUAL_AFR_POOLED,
    "dual_afr_hypercolumn": DUAL_AFR_POOLED,
}
