"""The command `kinescribe rollback`, which takes a bad version out of service."""

from __future__ import annotations

from typing import Annotated

import typer


def command(
    push_to: Annotated[str, typer.Argument(help="Folder that models are pushed to.")],
    reason: Annotated[
        str, typer.Option(help="Why, for those who look at the ledger later.")
    ],
    to: Annotated[
        str,
        typer.Option(help="The version to serve again; by default the one before."),
    ] = "",
    forgive: Annotated[
        str,
        typer.Option(
            metavar="VERSION", help="Let this version's model be pushed again instead."
        ),
    ] = "",
) -> None:
    """Serve an earlier version again, and never push the bad one anew.

    The earlier model becomes the newest version, so that every server follows; nothing
    is deleted.
    """
    from serving.pushing import rollback
    from transform.common import users

    if forgive:
        rollback.forgive(push_to, forgive, reason, users.current())
        typer.echo(f"The model of version {forgive} may be pushed again.")
        return
    pushed, source = rollback.roll_back(push_to, reason, to, users.current())
    typer.echo(
        f"Version {pushed.version} serves version {source}'s model again: "
        f"{pushed.folder}"
    )
