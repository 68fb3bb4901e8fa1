"""Is a dataset good enough to train on: a Great Expectations suite over its tables and shards."""
