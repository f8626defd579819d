"""`python -m streams.cli`: the same as `exlify`, for children of a process whose PATH says nothing."""

from streams.cli import main

main()
