"""In what order: the one graph, how it is run and compiled, the command line."""
