"""Caption metrics: one module each, one table of them, and what scores by the table.

`METRICS` is the only place that lists the metrics; `metric.Metric` is what each of them
is. `scorer` scores captions, `bootstrap` says how sure the scores are. `ngrams`,
`tokenizer` and `java` serve the metrics; `diversity` describes captions without
references, `self_cider` several captions of one clip; `vocabulary_cider` is CIDEr-D as
validation computes it.
"""

from __future__ import annotations

from keras_models.metrics.bleu import Bleu
from keras_models.metrics.cider_d import CiderD
from keras_models.metrics.meteor import Meteor
from keras_models.metrics.metric import Metric
from keras_models.metrics.rouge_l import RougeL

__all__ = ["METRICS", "Metric", "canonical_name"]

# Every metric by its name, in the order in which scores are printed. A new metric is a
# new module beside this one, and a row here.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Bleu(1),
        Bleu(2),
        Bleu(3),
        Bleu(4),
        Meteor(),
        RougeL(),
        CiderD(),
    )
}

# Other names that people type, in lower case.
_ALIASES = {"cider": "CIDEr-D"}


def canonical_name(name: str) -> str:
    """Returns the metric's name in `METRICS` for the name that a person typed.

    Upper and lower case count as the same, and so do "-" and "_"; "CIDEr" is CIDEr-D.
    A name that is no metric's is returned as it is.
    """
    typed = name.strip().lower().replace("_", "-")
    names = {metric.lower(): metric for metric in METRICS}
    return names.get(typed) or _ALIASES.get(typed) or name
