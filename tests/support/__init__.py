"""What several suites share: real parts in test size, never imitations of them."""
