"""Keeps what talks to this very machine away from proxies.

gRPC honours `http_proxy` and its kin for every address, this machine's own too. Beam's
workers, a server beside its client and the workers of one training would all be looked
for at the proxy, which does not know them.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping

OPTION = ("grpc.enable_http_proxy", 0)  # of a channel that no proxy may stand before

# What may stand before the host in the name of a gRPC channel.
_RESOLVER = re.compile(r"\A(?:[a-z]+://(?:[^/]*/)?|dns:|ipv[46]:)", re.IGNORECASE)
_NAMES = ("localhost", "127.0.0.1", "::1")
_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")  # as gRPC looks for them


def exempted(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns an environment in which this machine's own names are not proxied."""
    changed = dict(environment)
    for name in ("no_proxy", "no_grpc_proxy"):  # the second wins over the first
        if name == "no_grpc_proxy" and name not in environment:
            continue
        known = changed.get(name) or changed.get(name.upper()) or ""
        names = [part.strip() for part in known.split(",") if part.strip()]
        names += [own for own in _NAMES if own not in names]
        changed[name] = ",".join(names)
    return changed


def exempt_process() -> None:
    """Lets no proxy come between this process, its children and this machine."""
    names = {name.lower() for name, value in os.environ.items() if value}
    if names & {*_PROXIES, "all_proxy"}:
        os.environ.update(exempted(os.environ))


def proxy_variable() -> str:
    """Returns the variable that names gRPC a proxy, as `name=value`, or ''."""
    for name in _PROXIES:
        if value := os.environ.get(name):
            return f"{name}={value}"
    return ""


def is_loopback(address: str) -> bool:
    """Returns whether `host:port` is an address of this machine alone."""
    host = _RESOLVER.sub("", address).rpartition(":")[0].strip("[]").lower()
    if host.removesuffix(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
