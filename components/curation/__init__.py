"""The curate step: turn photos into a paired dataset of faces and identities."""
