"""MultiID-2M's released layout: releases in, photo folders out, and curated datasets as releases."""
