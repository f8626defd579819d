"""Credit risk: from the Statlog German credit data to a certified model of the registry."""
