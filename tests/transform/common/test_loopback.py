import os

import pytest

from transform.common import loopback


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("localhost:8500", True),
        ("127.0.0.1:8500", True),
        ("127.8.0.1:1", True),
        ("[::1]:8500", True),
        ("dns://localhost:1", True),
        ("dns:///LOCALHOST.:1", True),
        ("ipv6:[::1]:1", True),
        ("ipv4:10.0.0.1:1", False),
        ("10.0.0.1:8500", False),
        ("example.org:8500", False),
        ("localhost.example.org:8500", False),
        ("[2001:db8::1]:8500", False),
        ("", False),
    ],
)
def test_loopback_addresses_are_told_apart(address, own):
    assert loopback.is_loopback(address) == own


def test_what_was_exempted_before_stays_so():
    exempted = loopback.exempted({"NO_PROXY": ".corp, localhost", "HOME": "/"})
    assert exempted["no_proxy"] == ".corp,localhost,127.0.0.1,::1"
    assert exempted["HOME"] == "/" and "no_grpc_proxy" not in exempted
    again = loopback.exempted(exempted | {"no_grpc_proxy": "a"})
    assert again["no_proxy"] == exempted["no_proxy"]
    assert again["no_grpc_proxy"] == "a,localhost,127.0.0.1,::1"


def test_a_process_without_a_proxy_is_left_alone(monkeypatch):
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    loopback.exempt_process()
    assert "no_proxy" not in os.environ
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")  # as `requests` knows it
    loopback.exempt_process()
    assert os.environ["no_proxy"] == "localhost,127.0.0.1,::1"
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "corp")
    loopback.exempt_process()
    assert os.environ["no_proxy"] == "corp,localhost,127.0.0.1,::1"
    assert loopback.proxy_variable() == "https_proxy=http://proxy:3128"
