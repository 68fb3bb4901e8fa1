"""The photos step: make the virtual cast's photographs, or take the user's folder."""
