"""The photos step: make the virtual cast's photographs, take the user's folder, or download a list of URLs."""
