"""What the service tells Prometheus about itself: numbers only, nothing of what was sent or made."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 240)
_COSINES = (-0.1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)

REQUEST = Histogram(
    "withanyone_request_seconds", "Seconds of a request, by path and status", ["path", "status"], buckets=_SECONDS
)
STAGE = Histogram("withanyone_stage_seconds", "Seconds of a request, by stage", ["stage"], buckets=_SECONDS)
WAITING = Gauge("withanyone_waiting", "Requests in line or being answered", multiprocess_mode="livesum")
TOGETHER = Histogram(
    "withanyone_together", "Requests for pictures that were answered by one call of the model", buckets=(1, 2, 3, 4)
)
REFUSALS = Counter("withanyone_refusals", "Requests refused, by reason", ["reason"])
PICTURES = Counter("withanyone_pictures", "Pictures made")
CACHE = Counter("withanyone_cache", "Look-ups of texts and references, by result", ["cache", "result"])
SIMILARITY = Histogram(
    "withanyone_identity_similarity",
    "Cosine of a face that was drawn with its reference, of a sample of the pictures; 0 where no face was found",
    buckets=_COSINES,
)
COPY = Histogram(
    "withanyone_copy_paste",
    "Correlation of the brightness of the aligned faces, drawn and reference, of a sample; 1 is a pasted photo",
    buckets=_COSINES,
)
