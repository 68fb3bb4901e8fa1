"""The package step: build and prove the Bento of a promoted model."""
