"""Why a photo of the list was not taken."""


class RefusedError(Exception):
    """A photo that is not taken: `reason` is a machine word, the message a sentence; `again`: a retry may help."""

    def __init__(self, reason: str, detail: str, again: bool = False) -> None:
        super().__init__(detail)
        self.reason = reason
        self.again = again


def passing(reason: str) -> bool:
    """Whether another run may well end otherwise: the reason lies in the network or in a server's bad hour."""
    return reason in ("timeout", "unreachable", "robots_unreachable", "http_429") or reason.startswith("http_5")
