"""Benchmark of identity-consistent generation: cases, judges, matching, metrics and scores."""
