"""What is learned: faces, dataset records, identity adapter, losses, trainer, sampler, presets."""

import os

from model.cores import limit_threads, limit_waiting

# Before pyarrow is imported: an allocator of its own would keep several times the memory that is in use.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
limit_threads()
limit_waiting()
