"""What ends work early and is no fault: problems that a user can fix, things passed over, requests to make room."""

PREEMPTED = 75  # exit code of a process that made, or found no, room (sysexits.h: a temporary failure, try again)


class UserError(Exception):
    """A problem with what the user gave: one sentence that names the field, the value, the rule and the remedy."""


class FailedValidationError(UserError):
    """A dataset that was looked at and is not good enough; the report says where."""


class BusyError(UserError):
    """What was asked for is in the hands of another process, which will be done with it."""


class RefusedItemError(Exception):
    """One thing of many that cannot be used: `reason` is a machine word, the message a sentence."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Preempted(Exception):  # noqa: N818  (no error: the work is whole so far)
    """Work that was asked to make room: what is done is saved, and the same job started again goes on from there."""
