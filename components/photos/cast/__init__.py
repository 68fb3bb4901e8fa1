"""The virtual cast: photographs of people who do not exist."""
