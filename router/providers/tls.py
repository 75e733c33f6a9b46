"""One TLS context for all the clients that can share one: to make it takes longer than the rest of
a client, and a fallback that is opened for the first time has somebody waiting for it."""

import ssl
from functools import cache

import httpx2


@cache
def context() -> ssl.SSLContext:
    """With the certificates that httpx trusts by default."""
    return httpx2.create_ssl_context()
