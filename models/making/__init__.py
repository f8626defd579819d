"""What makes a model ready to be put into force: its certificate, on rows that had no part in it."""
