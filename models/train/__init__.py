"""Scripts that make the folders of the registry. They need the extra `train`; serving does not."""
