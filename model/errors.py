"""The one exception for problems that a user can fix."""


class UserError(Exception):
    """A problem with what the user gave: one sentence that names the field, the value, the rule and the remedy."""
