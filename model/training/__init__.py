"""How the adapter learns: phases, batches, cached features, one step, checkpoints and the loop around them."""
