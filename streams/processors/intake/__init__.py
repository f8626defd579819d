"""Station 2, intake: business events become starts of instances."""
