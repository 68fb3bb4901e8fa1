"""How long a server may take to answer, and why one does not: the system's own words, which a user can act on."""

import errno
import os
import socket
import ssl
from typing import TypeGuard

ANSWER = (10.0, 60.0)  # seconds that a cluster's server has for a connection, and for an answer
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENOENT, errno.EACCES)  # the last two of a socket in a folder


def why_no_answer(error: BaseException) -> str:
    """The words of the network's failure beneath `error` (`Connection refused`); where there is none, its own.

    Libraries wrap such failures several times over, and each tells of its own retries, pools and request.
    """
    found: OSError | None = None
    link: BaseException | None = error
    while link is not None:
        if _of_network(link):
            found = link
        link = link.__cause__ or link.__context__ or _told_of(link)
    if found is None:
        return " ".join(str(getattr(error, "reason", None) or error).split()) or type(error).__name__
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {found.verify_message}"
    if isinstance(found, TimeoutError):
        return os.strerror(errno.ETIMEDOUT)
    if found.errno and found.errno > 0 and not isinstance(found, ssl.SSLError):
        return os.strerror(found.errno)  # asyncio has words of its own
    return found.strerror or str(found)


def _told_of(error: BaseException) -> BaseException | None:
    """The error that `error` holds among its words, as urllib3's for a connection that is cut."""
    return next((word for word in error.args if isinstance(word, BaseException)), None)


def _of_network(error: BaseException) -> TypeGuard[OSError]:
    kinds = ConnectionError | TimeoutError | socket.gaierror | ssl.SSLError
    if isinstance(error, kinds):
        return True
    return isinstance(error, OSError) and error.errno in NO_WAY and error.filename is None  # of a file it is named
