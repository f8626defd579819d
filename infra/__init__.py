"""Running it: the servers that a journey needs, and the supervisor that keeps everything up.

Beside the journey, not on it: only the command line imports this package.
"""
