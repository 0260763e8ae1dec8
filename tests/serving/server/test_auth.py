from __future__ import annotations

import shutil
import socket
import ssl
import warnings

import grpc
import numpy as np
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from serving.client.grpc_client import Client, ClientTLS
from serving.common.credentials import read_token, read_tokens
from serving.common.errors import ServingError
from serving.server.config import ServerConfig, ServerTLS
from serving.server.server import Server
from tests.support.authority import Authority

X = {"x": np.ones((1, 2), np.float32)}
TOKEN, SECOND, ADMIN = ("0123456789abcdef" + name for name in ("one", "two", "admin"))


@pytest.fixture
def start(push, doubling_model, tmp_path):
    push(doubling_model, 1)
    servers = []

    def start(**settings) -> Server:
        base = str(tmp_path / "base")
        config = ServerConfig.from_dict(
            {"model_base": base, "models": "any", "port": 0, **settings}
        )
        servers.append(Server(config))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_only_the_token_opens_the_door(start, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n{SECOND}\n")
    server = start(token_file=str(tmp_path / "token"))
    for token in ("", TOKEN[:-1], TOKEN + "s", SECOND[1:]):
        with (
            Client(server.address, token=token, timeout=20) as client,
            pytest.raises(ServingError, match="does not accept this token"),
        ):
            client.predict("serving_default", X)
    for token in (TOKEN, SECOND):
        with Client(server.address, token=token, timeout=20) as client:
            assert client.predict("serving_default", X)["y"].tolist() == [[2, 2]]
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        status = health.Check(health_pb2.HealthCheckRequest(), timeout=20).status
        assert status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"x", b"0123456789abcde", "ключ".encode() * 9]
)
def test_a_token_file_holds_one_token(tmp_path, content):
    (tmp_path / "token").write_bytes(content)
    for read in (read_token, read_tokens):
        with pytest.raises(ServingError, match="must hold one token"):
            read(str(tmp_path / "token"))
    with pytest.raises(ServingError, match="cannot read"):
        read_token(str(tmp_path / "absent"))
    with pytest.raises(ServingError, match="it is a device, not a file"):
        read_tokens("/dev/full")
    (tmp_path / "token").write_text(f"{TOKEN}\n{SECOND}")
    assert read_tokens(str(tmp_path / "token")) == (TOKEN, SECOND)
    with pytest.raises(ServingError, match="it holds 2"):
        read_token(str(tmp_path / "token"))


def test_tokens_are_replaced_under_a_running_server(start, tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN)
    server = start(token_file=str(file))
    with (
        Client(server.address, token=TOKEN, timeout=20) as old,
        Client(server.address, token=SECOND, timeout=20) as new,
    ):
        assert old.predict("serving_default", X)
        file.write_text(SECOND)
        server.reload()
        assert new.predict("serving_default", X)
        with pytest.raises(ServingError, match="does not accept this token"):
            old.predict("serving_default", X)
        file.write_text("short")  # a slip: what was there stays in force
        server.reload()
        assert new.predict("serving_default", X)


def reload(server: Server, token: str) -> str:
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="kinescribe")
    metadata = (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        try:
            stub.HandleReloadConfigRequest(request, timeout=20, metadata=metadata)
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def test_only_admins_reload_where_there_are_any(start, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "admin").write_text(ADMIN)
    files = {"token_file": str(tmp_path / "token")}
    alone = start(**files)
    assert [reload(alone, token) for token in (TOKEN, ADMIN)] == [
        "OK",  # from this very machine
        "UNAUTHENTICATED",
    ]
    server = start(**files, admin_token_file=str(tmp_path / "admin"))
    assert [reload(server, token) for token in (TOKEN, ADMIN, SECOND)] == [
        "PERMISSION_DENIED",
        "OK",
        "UNAUTHENTICATED",
    ]


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


def served_by(server: Server) -> int:
    """The serial number of the certificate that a handshake shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", server.rest_port))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_certificates_are_replaced_under_a_running_server(start, tmp_path):
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    certificate, key = authority.issue("server")
    tls = ServerTLS(certificate_file=certificate, key_file=key)
    server = start(tls=tls, rest_port=0)
    before = served_by(server)
    for name, source in zip((certificate, key), stranger.issue("next"), strict=True):
        shutil.copy(source, name)
    server.reload()
    assert served_by(server) != before
    trusting = ClientTLS(ca_file=stranger.file)
    with Client(server.address, tls=trusting, timeout=20) as client:
        assert client.predict("serving_default", X)["y"].tolist() == [[2, 2]]


def test_old_tls_is_not_spoken(start, tmp_path):
    certificate, key = Authority(tmp_path, "authority").issue("server")
    tls = ServerTLS(certificate_file=certificate, key_file=key)
    server = start(tls=tls, rest_port=0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the version is old
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1
    for port in (server.port, server.rest_port):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            pytest.raises((ssl.SSLError, ConnectionError)),
        ):
            context.wrap_socket(plain)


def test_a_wrong_certificate_is_not_told_as_a_wrong_port(start, tmp_path):
    certificate, _ = Authority(tmp_path, "authority").issue("server")
    _, other_key = Authority(tmp_path, "other").issue("other-server")
    (tmp_path / "garbage").write_text("no PEM")
    for files in ((certificate, other_key), (str(tmp_path / "garbage"), other_key)):
        tls = ServerTLS(certificate_file=files[0], key_file=files[1])
        with pytest.raises(ServingError, match=r"no certificate with its .*: ") as said:
            start(tls=tls)
        assert "None" not in str(said.value)


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
