"""Names of versions, as stable and canary, and the servers' file that has them.

They are events of the ledger. Clients ask for a label, and whoever moves it decides
which of them get the new model.
"""

from __future__ import annotations

import json
import re

from serving.common.errors import ServingError
from serving.pushing import ledger, rollback

_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def assign(destination: str, label: str, version: str, by: str = "") -> None:
    """Gives a version a name, which no other one has then.

    Raises:
        ServingError: There is no such version, it was withdrawn, or the label is no
            name.
    """
    if not _LABEL.fullmatch(label):
        raise ServingError(
            f"{label!r} is no label: small letters, digits, - and _, as in canary."
        )
    known = {state.version: state for state in rollback.states(destination)}
    if version not in known:
        raise ServingError(
            f"{destination} has no version {version}: its versions are "
            f"{', '.join(known) or 'none'}."
        )
    if known[version].reason:
        raise ServingError(f"{known[version].reason} It takes no label.")
    ledger.record(destination, "labelled", version=version, label=label, by=by)


def remove(destination: str, label: str, by: str = "") -> None:
    """Takes a name away from its version.

    Raises:
        ServingError: No version has it.
    """
    named = ledger.labels(destination)
    if label not in named:
        raise ServingError(
            f"no version of {destination} is {label}: {', '.join(named) or 'none'} "
            "are its labels."
        )
    ledger.record(destination, "unlabelled", version=named[label], label=label, by=by)


def model_config(destination: str, name: str, base_path: str = "") -> str:
    """Returns a model config that serves the live version and all labelled ones.

    TensorFlow Serving's text format, which the embedded server reads as well. A version
    that was withdrawn or removed since loses its label.

    Args:
        destination: The folder that models are pushed to.
        name: What clients call the model.
        base_path: The folder as servers see it; by default as it is named here.

    Raises:
        ServingError: There is nothing to serve.
    """
    good = {s.version: s.state for s in rollback.states(destination) if not s.reason}
    live = [version for version, state in good.items() if state == "live"]
    if not live:
        raise ServingError(f"{destination} has no version that could be served.")
    named = {k: v for k, v in sorted(ledger.labels(destination).items()) if v in good}
    served = sorted({*live, *named.values()}, key=int)
    lines = [
        "model_config_list { config {",
        f"  name: {json.dumps(name)}",
        f"  base_path: {json.dumps(base_path or destination)}",
        '  model_platform: "tensorflow"',
        "  model_version_policy { specific {",
        *(f"    versions: {version}" for version in served),
        "  } }",
        *(
            f"  version_labels {{ key: {json.dumps(label)} value: {version} }}"
            for label, version in named.items()
        ),
        "} }",
    ]
    return "\n".join(lines) + "\n"
