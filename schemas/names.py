"""What things of a site may be called, wherever they are named: in the name of a file, in a definition, in a schema."""

import re

FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Of a file that stands for a thing: a mapping, a decision table."""
