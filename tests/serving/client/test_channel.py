"""Channels of clients, before they are used."""

import pytest

from serving.client import channel
from serving.client.channel import ClientTLS
from serving.common.errors import ServingError


@pytest.mark.parametrize("which", ["ca_file", "key_file", "certificate_file"])
def test_a_file_that_is_none_of_tls_is_named(tmp_path, which):
    path = tmp_path / "ca.der"
    path.write_bytes(b"\x30\x82")
    with pytest.raises(ServingError, match=r"ca\.der holds no certificate and no key"):
        channel.credentials(ClientTLS(**{which: str(path)}))
