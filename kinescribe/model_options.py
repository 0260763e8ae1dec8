"""Options of the commands that caption clips: which model, where, and of what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple, Optional

import typer

from kinescribe import starter_model

if TYPE_CHECKING:
    from rich.console import Console

    from serving.client.base import ClipCaptioner

Model = Annotated[
    Optional[str],
    typer.Option(
        help="A model, or a folder of versions, such as demo/pushed; the starter "
        "model, if neither this nor --server is given.",
    ),
]
Server = Annotated[
    Optional[str],
    typer.Option(help="host:port of `kinescribe serve` or TensorFlow Serving."),
]
ModelName = Annotated[str, typer.Option(help="The model's name on the server.")]
TokenFile = Annotated[str, typer.Option(help="Holds the token for the server.")]
TlsCa = Annotated[
    str,
    typer.Option(help="Authority that signed the server's certificate (PEM)."),
]
TlsCert = Annotated[str, typer.Option(help="Our certificate (PEM).")]
TlsKey = Annotated[str, typer.Option(help="Its private key (PEM).")]
Tls = Annotated[
    bool, typer.Option("--tls", help="Encrypt, trusting the system's authorities.")
]
Start = Annotated[
    Optional[float], typer.Option(help="Caption from this second on.", min=0)
]
End = Annotated[Optional[float], typer.Option(help="Caption up to this second.", min=0)]
Category = Annotated[
    str, typer.Option(help="What the clips are about, for models that read that.")
]


class ModelChoice(NamedTuple):
    """A model on disk or on a server, as a command line names it."""

    model: Optional[str]
    server: Optional[str]
    model_name: str
    token_file: str
    tls_ca: str
    tls_cert: str
    tls_key: str
    tls: bool

    def check(self) -> None:
        """Raises `BadParameter` unless these options go together."""
        if self.model and self.server:
            raise typer.BadParameter("give --model or --server, not both")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise typer.BadParameter("--tls-cert and --tls-key go together")

    def opened(self, console: Console) -> ClipCaptioner:
        """Loads the model, or connects to its server.

        Args:
            console: Where it is said that the starter model is taken.
        """
        with console.status("Loading the model ..."):
            if self.server:
                return self._connected(self.server)
            from serving.client.local_model import LocalModel

            if self.model is None:
                console.print(starter_model.NOTICE, style="dim", soft_wrap=True)
            return LocalModel(self.model or starter_model.folder())

    def _connected(self, address: str) -> ClipCaptioner:
        from serving.client.grpc_client import Client, ClientTLS
        from serving.common.credentials import read_token

        secure = self.tls or self.tls_ca or self.tls_cert
        files = {
            "ca_file": self.tls_ca,
            "certificate_file": self.tls_cert,
            "key_file": self.tls_key,
        }
        return Client(
            address,
            self.model_name,
            token=read_token(self.token_file) if self.token_file else "",
            tls=ClientTLS.from_dict(files) if secure else None,
        )
