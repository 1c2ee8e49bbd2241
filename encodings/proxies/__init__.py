"""Zero-cost proxies: scores of an untrained network from a few passes over one batch."""
