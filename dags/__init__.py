"""When the product runs: the schedules."""
