"""What is learned: faces, dataset records, identity adapter, losses, trainer, sampler, presets."""
