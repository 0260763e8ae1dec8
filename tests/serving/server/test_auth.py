from __future__ import annotations

import datetime
import ipaddress

import grpc
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.client.grpc_client import Client, ClientTLS
from serving.credentials import read_token
from serving.errors import ServingError
from serving.server.config import ServerConfig, ServerTLS
from serving.server.server import Server

X = {"x": np.ones((1, 2), np.float32)}


class Authority:
    """Signs certificates for 127.0.0.1 and writes them to a folder."""

    def __init__(self, folder, name: str):
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed(name, self._key.public_key(), is_ca=True)
        self.file = str(folder / f"{name}.pem")
        self._write(self.file, self._certificate)

    def issue(self, name: str) -> tuple[str, str]:
        """The files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        files = tuple(
            str(self._folder / f"{name}.{kind}.pem") for kind in ("crt", "key")
        )
        self._write(files[0], self._signed(name, key.public_key(), is_ca=False))
        with open(files[1], "wb") as file:
            file.write(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        return files

    def _signed(self, name: str, public_key, is_ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        hour = datetime.timedelta(hours=1)
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - hour)
            .not_valid_after(now + hour)
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
                ),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )

    def _write(self, path: str, certificate: x509.Certificate) -> None:
        with open(path, "wb") as file:
            file.write(certificate.public_bytes(serialization.Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@pytest.fixture
def start(push, doubling_model, tmp_path):
    push(doubling_model, 1)
    servers = []

    def start(**settings) -> Server:
        base = str(tmp_path / "base")
        config = ServerConfig.from_dict({"model_base": base, "port": 0, **settings})
        servers.append(Server(config))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_only_the_token_opens_the_door(start, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    server = start(token_file=str(tmp_path / "token"))
    for token in ("", "s3cre", "s3crets"):
        with (
            Client(server.address, token=token, timeout=20) as client,
            pytest.raises(ServingError, match="does not accept this token"),
        ):
            client.predict("serving_default", X)
    with Client(server.address, token="s3cret", timeout=20) as client:
        assert client.predict("serving_default", X)["y"].tolist() == [[2, 2]]
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        status = health.Check(health_pb2.HealthCheckRequest(), timeout=20).status
        assert status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("content", [b"", b" \n", b"two\nlines", "ключ".encode()])
def test_a_token_file_holds_one_token(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(ServingError, match="must hold one token"):
        read_token(str(tmp_path / "token"))
    with pytest.raises(ServingError, match="cannot read"):
        read_token(str(tmp_path / "absent"))


def test_tls_is_spoken_with_those_who_know_the_authority(start, tmp_path):
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("server")
    server = start(tls=ServerTLS(certificate_file=certificate, key_file=key))
    known = ClientTLS(ca_file=authority.file)
    with Client(server.address, tls=known, timeout=20) as client:
        assert client.predict("serving_default", X)["y"].tolist() == [[2, 2]]
    stranger = ClientTLS(ca_file=Authority(tmp_path, "stranger").file)
    for tls in (stranger, None):
        with (
            Client(server.address, tls=tls, timeout=20) as client,
            pytest.raises(ServingError, match="check address and TLS"),
        ):
            client.predict("serving_default", X)


def test_mutual_tls_asks_clients_for_a_certificate(start, tmp_path):
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("server")
    server = start(
        tls=ServerTLS(
            certificate_file=certificate, key_file=key, client_ca_file=authority.file
        )
    )
    theirs, their_key = authority.issue("client")
    shown = ClientTLS(
        ca_file=authority.file, certificate_file=theirs, key_file=their_key
    )
    with Client(server.address, tls=shown, timeout=20) as client:
        assert client.predict("serving_default", X)["y"].tolist() == [[2, 2]]
    with (
        Client(server.address, tls=ClientTLS(ca_file=authority.file)) as client,
        pytest.raises(ServingError, match="check address and TLS"),
    ):
        client.predict("serving_default", X)
