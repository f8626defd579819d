"""Credit approval: from the default of credit card clients in Taiwan to a certified model of the registry."""
