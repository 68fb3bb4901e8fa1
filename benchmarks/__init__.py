"""Programs that measure a fast way beside the plain one, in one run; none of them is a test."""
