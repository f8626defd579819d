"""An outline as a Mermaid flowchart, for pages that draw such. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from streams.console.diagram.outline import END, LEAVE, Block, Listing, blocks


def mermaid(listing: Listing) -> str:
    """The text of a flowchart."""
    ids = {block.pointer: f"t{number}" for number, block in enumerate(blocks(listing))}
    lines = ["flowchart TD", "  start((start))"]
    if listing.items:
        lines.append(f"  start --> {ids[listing.items[0].pointer]}")
    lines += _listing(listing, ids, "  ", "finish")
    return "\n".join([*lines, "  finish((end))", ""])


def _listing(listing: Listing, ids: dict[str, str], indent: str, leave: str) -> Iterator[str]:
    for block in listing.items:
        yield from _block(block, ids, indent)
    for link in listing.links:
        source = ids[listing.items[link.source].pointer]
        beyond = {LEAVE: leave, END: "finish"}
        target = beyond[link.target] if link.target in beyond else ids[listing.items[link.target].pointer]
        if target:
            yield f"{indent}{source} -->{f'|{_text(link.label)}|' if link.label else ''} {target}"


def _block(block: Block, ids: dict[str, str], indent: str) -> Iterator[str]:
    name, text = ids[block.pointer], _text(block.title)
    inner = (*block.lists, *([block.handler] if block.handler else []))
    if not inner:
        yield f"{indent}{name}{{{{{text}}}}}" if block.kind == "switch" else f"{indent}{name}[{text}]"
        return
    yield f"{indent}subgraph {name}[{text}]"
    for listing in inner:
        yield from _listing(listing, ids, indent + "  ", "")
    yield f"{indent}end"


def _text(text: str) -> str:
    """A text as Mermaid takes any: quoted, with what it could take for its own as entities."""
    safe = "".join(c if c.isalnum() or c in " .,-/_" else f"#{ord(c)};" for c in text)
    return f'"{safe}"'
