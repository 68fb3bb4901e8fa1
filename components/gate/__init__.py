"""The gate step: decide: promote, hold or reject."""
