"""The definition language: from a YAML file to the graph that the engine runs.

    text ─▶ source (YAML with line and column) ─▶ reader (typed model) ─▶ lint (what the structure cannot show) ─▶
    compiler (graph)

`load` does the whole way and refuses a definition with all of its faults at once; `check` lists them. The profile
that is understood, and every decision about what the specification leaves open, is written down in PROFILE.md.
"""
