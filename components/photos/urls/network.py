"""Connects to servers of the internet and to nothing on our own side of it."""

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

import anyio
import httpcore
import httpx

from components.photos.urls.refusal import RefusedError
from model.network import why_no_answer

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291: all that is given out of IPv6's internet


class PublicNetwork(httpcore.AsyncNetworkBackend):
    """Looks a host up and connects to one of the addresses it has just approved, so no later look-up can differ.

    Unless `allow_private`, a host with any address that is not public (loopback, private, link-local, multicast,
    reserved) is refused with `RefusedError`, at every connection: for redirects and robots.txt too.
    """

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private
        self.plain = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (the interface is httpcore's)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _look_up(host, port, timeout)
        inside = [str(address) for address in addresses if not is_public(address)]
        if inside and not self.allow_private:
            raise RefusedError(
                "private_address", f"{host} is {inside[0]}, no public address; photos.allow_private=true permits it"
            )
        for address in addresses[:-1]:
            try:
                return await self.plain.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self.plain.connect_tcp(str(addresses[-1]), port, timeout, local_address, socket_options)


def connection_pool(connections: int, allow_private: bool) -> httpcore.AsyncConnectionPool:
    """A pool of at most `connections`, which are kept open between requests; certificates are verified."""
    return httpcore.AsyncConnectionPool(
        ssl_context=httpx.create_ssl_context(),
        max_connections=connections,
        keepalive_expiry=10,
        network_backend=PublicNetwork(allow_private),
    )


async def _look_up(host: str, port: int, within: float | None) -> list[Address]:
    try:
        with anyio.fail_after(within):
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise httpcore.ConnectTimeout(f"the look-up of {host} took too long") from error
    except (OSError, UnicodeError) as error:
        again = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
        raise RefusedError("unreachable", f"the host {host} is not known: {why_no_answer(error)}", again) from error
    return [ipaddress.ip_address(facts[4][0]) for facts in found]


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet; IPv4 addresses in IPv6 clothes count as what they are."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
        if address not in UNICAST:  # `is_global` takes site-local ones and those that a site's NAT64 translates
            return False
    return address.is_global and not address.is_multicast
