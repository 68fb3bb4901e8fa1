"""The steps of the pipeline, one folder a step."""
