import socket

import pytest

from kinescribe import listening_options
from serving.common.errors import ServingError


@pytest.mark.parametrize(
    ("family", "host", "written"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "[::1]"),
    ],
)
def test_a_port_in_use_is_told_with_the_option_that_names_it(family, host, written):
    try:
        taken = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServingError, match=rf"{port} cannot .*another --rest-port"):
            listening_options.check_port(written, port, "--rest-port")


def test_a_free_port_and_a_socket_file_are_not_looked_at(tmp_path):
    listening_options.check_port("127.0.0.1", 0, "--port")
    listening_options.check_port("127.0.0.1", None, "--rest-port")
    listening_options.check_port(f"unix:{tmp_path}/socket", 8500, "--port")


@pytest.mark.parametrize("port", [0, 8500])
@pytest.mark.parametrize(
    "host",
    [
        "nosuchhost.invalid",
        "192.0.2.1",
        "[2001:db8::1]",
        "[::1",
        "127.0.0.1]",
        "x" * 99,
        "a..b",
        "é",
    ],
)
def test_a_wrong_host_is_called_so(host, port):
    with pytest.raises(ServingError, match=r"is no address of this machine.*--host"):
        listening_options.check_port(host, port, "--port")
