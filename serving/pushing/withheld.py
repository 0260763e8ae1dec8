"""Why a model that passed its gates is not pushed all the same."""

from __future__ import annotations

from serving.pushing import ledger, soundness


def reason(destination: str, weights_digest: str) -> str:
    """Returns in one sentence what is held against a model, or ''.

    It was rolled back or rejected by a server, or all its versions were removed or
    damaged since; nobody has forgiven it.

    Args:
        destination: The folder that models are pushed to.
        weights_digest: The model's.
    """
    if event := ledger.withdrawn(destination).get(weights_digest):
        return event.in_words()
    if event := soundness.lost(destination, weights_digest):
        return (
            f"version {event.version} had the same weights and was removed or damaged "
            f"since; `kinescribe rollback {destination} --forgive {event.version}` "
            "lets it be pushed again."
        )
    return ""
