"""What all connectors share: the contract, the way of a call, and what came of it."""
