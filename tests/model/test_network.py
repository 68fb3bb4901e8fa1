"""The words beneath a library's error: the system's, however often libraries have wrapped them."""

import socket
import ssl

import httpx
import pytest
import urllib3

from model.network import why_no_answer


def closed() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_a_refused_connection_is_called_one_whichever_library_asked() -> None:
    with pytest.raises(httpx.ConnectError) as ours:
        httpx.get(closed(), trust_env=False)
    with pytest.raises(urllib3.exceptions.MaxRetryError) as theirs:
        urllib3.PoolManager(retries=1).request("GET", closed())
    assert why_no_answer(ours.value) == why_no_answer(theirs.value) == "Connection refused"


def test_a_silent_server_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(httpx.ReadTimeout) as error:
        httpx.get(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.05, trust_env=False)
    assert why_no_answer(error.value) == "Connection timed out"


@pytest.mark.parametrize(
    ("beneath", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 1)"), "Connection refused"),
        (OSError(113, "No route to host"), "No route to host"),
        (ConnectionResetError("Remote end closed connection"), "Remote end closed connection"),
        (ssl.SSLError(1, "wrong version number"), "wrong version number"),
        (KeyError("x"), "Max retries\nexceeded"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (PermissionError(13, "Permission denied", "credentials"), "Max retries\nexceeded"),
    ],
)
def test_only_the_network_speaks_for_a_library(beneath: Exception, words: str) -> None:
    error = RuntimeError("Max retries\nexceeded")
    error.__context__ = beneath
    assert why_no_answer(error) == " ".join(words.split())


def test_a_connection_that_is_cut_and_a_circle_of_addresses_are_told_without_pools_and_retries() -> None:
    cut = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
    circle = urllib3.exceptions.ResponseError("too many redirects")
    told = []
    for reason in (cut, circle):
        with pytest.raises(urllib3.exceptions.MaxRetryError) as error:
            raise urllib3.exceptions.MaxRetryError(urllib3.HTTPConnectionPool("host"), "/", reason) from reason
        told.append(why_no_answer(error.value))
    assert told == ["Connection reset by peer", "too many redirects"]


def test_a_certificate_is_told_from_a_dead_server() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    assert why_no_answer(error) == "its certificate is not trusted: self-signed certificate"


def test_an_error_without_words_has_its_name() -> None:
    assert why_no_answer(RuntimeError()) == "RuntimeError"
