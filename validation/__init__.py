"""What is judged: dataset expectations, the benchmark, the promotion gate."""
