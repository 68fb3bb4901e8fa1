"""Faces: where they are, how they are aligned, who they are."""
