"""Why a photo of the list was not taken."""

from model.errors import RefusedItemError


class RefusedError(RefusedItemError):
    """A photo that is not taken; `again`: a retry may help."""

    def __init__(self, reason: str, detail: str, again: bool = False) -> None:
        super().__init__(reason, detail)
        self.again = again


def passing(reason: str) -> bool:
    """Whether another run may well end otherwise: the reason lies in the network or in a server's bad hour."""
    return reason in ("timeout", "unreachable", "robots_unreachable", "http_429") or reason.startswith("http_5")
