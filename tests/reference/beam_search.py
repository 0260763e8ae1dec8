"""Captions enumerated, and beam search with lists. <eos> is 2; words are 4, 5, …"""

import itertools
import math

EOS = 2


def wu_penalty(length, alpha):
    return ((5 + length) / 6) ** alpha


def repeats_ngram(words, size):
    grams = [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    return len(set(grams)) < len(grams)


def exhaustive(
    log_prob, words, max_words, alpha=0.0, min_words=0, no_repeat_ngram=None
):
    """Every caption as (score, log p, words and <eos>), best first.

    `log_prob(prefix, word)` is the log-probability of a word after a tuple of words.
    """
    found = []
    for count in range(min_words, max_words + 1):
        for caption in itertools.product(words, repeat=count):
            if no_repeat_ngram and repeats_ngram(caption, no_repeat_ngram):
                continue
            tokens = (*caption, EOS)
            total = sum(log_prob(tokens[:i], word) for i, word in enumerate(tokens))
            found.append((total / wu_penalty(len(tokens), alpha), total, tokens))
    return sorted(found, reverse=True)


def beam_search(log_prob, words, max_words, width, alpha=0.0):
    """The beams left at the end as (score, log p, words and <eos>), best first."""
    beams = [(0.0, 0.0, ())]
    for time in range(max_words + 1):
        candidates = []
        for score, total, tokens in beams:
            if tokens and tokens[-1] == EOS:
                candidates.append((score, total, tokens))
                continue
            for word in [EOS] if time == max_words else [EOS, *words]:
                new = total + log_prob(tokens, word)
                assert not math.isnan(new)
                score = new / wu_penalty(len(tokens) + 1, alpha)
                candidates.append((score, new, (*tokens, word)))
        beams = sorted(candidates, reverse=True)[:width]
    return beams
