"""Writes `keras_models/presets/parameter_counts.yaml`: the weights of every preset.

    python -m tools.parameter_counts > keras_models/presets/parameter_counts.yaml

Takes about two minutes, since every model is built.
"""

from __future__ import annotations

from keras_models.presets import parameter_counts, registry
from keras_models.presets.paper_features import paper_spec

_HEAD = """\
# Weights of each preset: those that no vocabulary changes, and those of a further word.
# Written by `python -m tools.parameter_counts`; tests keep it current."""


def page() -> str:
    """Returns the whole file as YAML."""
    few, more = _counts(10), _counts(11)
    per_word = {name: more[name] - few[name] for name in few}
    lines = [
        f"{name}: [{count - 10 * per_word[name]}, {per_word[name]}]"
        for name, count in few.items()
    ]
    return "\n".join([_HEAD, *lines, ""])


def _counts(vocabulary_size: int) -> dict[str, int]:
    counts = {
        name: parameter_counts.count(
            preset.model, paper_spec(preset.model), vocabulary_size
        )
        for name, preset in registry.PRESETS.items()
    }
    fusions = {
        name: parameter_counts.count_fused(
            fusion.model, paper_spec(fusion.model), vocabulary_size
        )
        for name, fusion in registry.FUSIONS.items()
    }
    return counts | fusions


if __name__ == "__main__":
    print(page(), end="")
