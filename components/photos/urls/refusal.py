"""Why a photo of the list was not taken."""

from model.errors import RefusedItemError

FORGOTTEN = "forgotten"


class RefusedError(RefusedItemError):
    """A photo that is not taken; `again`: a retry may help. `photo_id` is its id where its bytes are the reason."""

    def __init__(self, reason: str, detail: str, again: bool = False, photo_id: str = "") -> None:
        super().__init__(reason, detail)
        self.again = again
        self.photo_id = photo_id


def of_forgotten(photo_id: str) -> RefusedError:
    """The refusal of a photo that shows a person who is to be forgotten, or bears their name."""
    return RefusedError(FORGOTTEN, "it is of a person who is to be forgotten", photo_id=photo_id)


def passing(reason: str) -> bool:
    """Whether another run may well end otherwise: the reason lies in the network or in a server's bad hour."""
    return reason in ("timeout", "unreachable", "robots_unreachable", "http_429") or reason.startswith("http_5")
