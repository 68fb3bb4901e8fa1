"""What the downloader allows itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a download; those with defaults are for tests to shorten. Times are seconds, sizes bytes."""

    connections: int  # at one time, to all hosts
    per_host: int  # requests at one time to one host
    seconds: float  # that the requests for one photo may take together, waiting for a turn not counted
    largest: int  # size of a photo
    allow_private: bool
    silence: float = 20.0  # until a connection is made, or between two pieces of an answer
    attempts: int = 4
    first_wait: float = 1.0  # before the second attempt; doubles, with as much again by chance
    longest_wait: float = 60.0  # between attempts, whatever Retry-After or Crawl-delay ask for
    redirects: int = 5
