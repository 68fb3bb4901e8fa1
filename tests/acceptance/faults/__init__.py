"""Faults that the drill injects: each disturbs, runs again as a person would, and compares with an undisturbed run."""
