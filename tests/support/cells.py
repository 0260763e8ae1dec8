"""Clips of cells for the tests of STaTS' attentions."""

import numpy as np
import tensorflow as tf

FRAMES, PLACES, WIDTH, QUERY = 4, 3, 5, 6
CLOSE = {"rtol": 1e-5, "atol": 1e-6}

# All frames; two of four; none. On a grid, a frame has all its cells or none.
GRID = np.zeros((3, FRAMES, PLACES), bool)
GRID[0] = True
GRID[1, :2] = True

# As above, but some frames have fewer regions than others, and one has none.
REGIONS = GRID.copy()
REGIONS[0, 1, 2] = REGIONS[0, 2, 1:] = REGIONS[1, 0, 0] = False
REGIONS[0, 3] = False


def query():
    return tf.random.stateless_normal([3, QUERY], [5, 1])


def cells(mask, seed=0):
    values = np.random.default_rng(seed).normal(size=(*mask.shape, WIDTH))
    return tf.constant(np.where(mask[..., np.newaxis], values, 0), tf.float32)


def doubled(values):
    """As the references compute."""
    return values.numpy().astype(np.float64)


def att(energy):
    """The matrices of an `AdditiveScore`, as `reference.stats.att` takes them."""
    return (
        energy.query.kernel.numpy().T,
        energy.key.kernel.numpy().T,
        energy.key.bias.numpy(),
        energy.score.kernel.numpy()[:, 0],
    )


def shake(layer, seed=0, scale=0.7):
    """Random weights, biases too."""
    random = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(random.normal(0, scale, weight.shape))


def ask(layer, mask, seed=0):
    """Builds a branch by asking it, with random weights, and asks again."""
    look(layer, mask, seed)
    shake(layer)
    return look(layer, mask, seed)


def look(layer, mask, seed=0):
    """Asks a branch, or a spatial pooling, about clips of random cells."""
    values, there = cells(mask, seed), tf.constant(mask)
    return layer(query(), values, there, layer.prepare(values, there))
