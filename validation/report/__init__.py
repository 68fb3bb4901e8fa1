"""The pages that people read: scores, dataset results and decisions, each one self-contained HTML file."""
