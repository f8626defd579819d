"""Bodies: by media type, and XML to JSON and back."""
