"""Attention to encoded videos, once for every word of a caption.

`sources` says what is attended, `layers.additive_score` and `multiplicative_score` say
how items are scored, and `selection` what is taken of them.

Attributes that hold layers, such as `energy`, `look` and `choice`, are keys of saved
weights: renaming one of them makes every saved model unreadable.
"""
