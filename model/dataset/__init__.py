"""The dataset artefact: its tables, its shards, its pairs and how its photos are fitted to training sizes."""
