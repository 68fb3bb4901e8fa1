"""What a retraining waits for: assets whose events start it."""

from airflow.sdk import Asset

# An event of new photos comes from who delivers them: POST /api/v2/assets/events, or a task with this outlet.
PHOTOS = Asset("photos", uri="withanyone://photos")
DELETIONS = Asset("deletions", uri="withanyone://deletions")  # more people forgotten than the champion may still hold
