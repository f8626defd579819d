"""Fraud: from made-up payments by card, with what went before on the card and at the terminal, to pay or to lock."""
