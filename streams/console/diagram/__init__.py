"""Diagrams of workflows: from the graph that the engine runs to a picture. Pure, and without a library.

    graph ─▶ outline (blocks and links) ─▶ layout (places and lines) ─▶ svg
                   └────────────────────────────────────────────────▶ mermaid

A list of tasks is a grid: the longest way is its spine, in the first column, and what branches off stands in columns
beside it. Lines run down the columns, through the gaps between the rows and, where they jump, along lanes on the left;
so no line can cross a task, and no two tasks can overlap. What holds other tasks is a frame around grids.
"""
