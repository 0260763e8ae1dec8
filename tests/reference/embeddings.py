"""Clips and sentences as vectors of length 1, one at a time.

The sentence's part is the encoder of Vaswani et al. (2017), Sec. 3: attention, then a
two-layer network, each added to its input and normalised.
"""

import numpy as np


def unit(vector):
    return vector / np.sqrt(np.sum(vector**2))


def video_embedding(modalities, masks, kernel, bias):
    """A list of (T, D) modalities with (T,) masks of one clip → (E,)."""
    means = []
    for values, mask in zip(modalities, masks, strict=True):
        there = [step for step, is_there in zip(values, mask, strict=True) if is_there]
        means.append(sum(there) / len(there) if there else np.zeros(values.shape[1]))
    return unit(np.concatenate(means) @ kernel + bias)


def normalise(vector, scale, offset):
    spread = np.sqrt(np.mean((vector - vector.mean()) ** 2) + 1e-5)
    return (vector - vector.mean()) / spread * scale + offset


def transformer_encoder(words, weights):
    """(L, D) words of one sentence, without padding → (L, D)."""
    query, key, value = (
        [np.einsum("d,dha->ha", word, kernel) + bias for word in words]
        for kernel, bias in (weights["query"], weights["key"], weights["value"])
    )
    heads, width = query[0].shape
    found = []
    for place, word in enumerate(words):
        mixed = np.zeros((heads, width))
        for head in range(heads):
            energies = np.array(
                [query[place][head] @ other[head] / np.sqrt(width) for other in key]
            )
            powers = np.exp(energies - energies.max())
            for share, other in zip(powers / powers.sum(), value, strict=True):
                mixed[head] += share * other[head]
        kernel, bias = weights["output"]
        attended = np.einsum("ha,had->d", mixed, kernel) + bias
        word = normalise(word + attended, *weights["attention_norm"])
        kernel, bias = weights["hidden"]
        hidden = np.maximum(word @ kernel + bias, 0)
        kernel, bias = weights["back"]
        found.append(normalise(word + hidden @ kernel + bias, *weights["network_norm"]))
    return found


def sentence_embedding(ids, words, places, blocks, kernel, bias):
    """The ids of one sentence, without padding → (E,)."""
    found = [words[token] + places[place] for place, token in enumerate(ids)]
    for weights in blocks:
        found = transformer_encoder(found, weights)
    return unit(sum(found) / len(found) @ kernel + bias)
