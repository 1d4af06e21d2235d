"""A page to look at answered scans: slices, heat maps, lobes and probabilities, without a network."""
