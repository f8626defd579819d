"""Documents in XML, and what they are read as. To add one, add a line.

`COSTLY` are those that may take no long time.
"""

from __future__ import annotations

from typing import Any

DECLARATIONS = " ".join(f'xmlns:n{i}="urn:{i}"' for i in range(9_000))
ATTRIBUTES = " ".join(f'a{i}=""' for i in range(30_000))
ENTITIES = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
CHAIN = "".join(f'<!ENTITY e{i} "&e{i + 1};">' for i in range(9_000))

READ: dict[str, tuple[str | bytes, Any]] = {
    "one child": ("<l><i>x</i></l>", {"l": {"i": "x"}}),
    "children of one name": ("<l><i>x</i><i/><i>y</i></l>", {"l": {"i": ["x", None, "y"]}}),
    "mingled": ("<l><t>1</t><p>2</p><t>3</t></l>", {"l": {"t": ["1", "3"], "p": "2"}}),
    "numbers stay texts": ('<p c="EUR">007.10</p>', {"p": {"@c": "EUR", "#text": "007.10"}}),
    "two prefixes of one namespace": (
        '<a xmlns:p="urn:u" xmlns:q="urn:u" p:x="1"><p:b/><q:b/></a>',
        {"a": {"@xmlns:p": "urn:u", "@xmlns:q": "urn:u", "@p:x": "1", "p:b": None, "q:b": None}},
    ),
    "three prefixes, the default too": (
        '<p:a xmlns="urn:u" xmlns:q="urn:u" xmlns:p="urn:u" p:x="1" q:y="2"><b/></p:a>',
        {"p:a": {"@xmlns": "urn:u", "@xmlns:q": "urn:u", "@xmlns:p": "urn:u", "@p:x": "1", "@q:y": "2", "b": None}},
    ),
    "prefix declared after its use": ('<p:a p:x="1" xmlns:p="urn:u"/>', {"p:a": {"@p:x": "1", "@xmlns:p": "urn:u"}}),
    "declared again, the same": ('<a xmlns="u"><b xmlns="u">1</b></a>', {"a": {"@xmlns": "u", "b": "1"}}),
    "declared again, another": (
        '<a xmlns:p="u"><p:b xmlns:p="v"/><p:c/></a>',
        {"a": {"@xmlns:p": "u", "p:b": {"@xmlns:p": "v"}, "p:c": None}},
    ),
    "taken back": ('<a xmlns="u"><b xmlns=""/></a>', {"a": {"@xmlns": "u", "b": {"@xmlns": ""}}}),
    "language": ('<a xml:lang="de">x</a>', {"a": {"@xml:lang": "de", "#text": "x"}}),
    "nil": (
        '<a xmlns:xsi="urn:x"><b xsi:nil="true"/></a>',
        {"a": {"@xmlns:xsi": "urn:x", "b": {"@xsi:nil": "true"}}},
    ),
    "cdata": ("<a>1<![CDATA[<b>&x</b>]]>2</a>", {"a": "1<b>&x</b>2"}),
    "doctype in cdata": ("<a><![CDATA[<!DOCTYPE b>]]></a>", {"a": "<!DOCTYPE b>"}),
    "doctype in a comment": ("<!-- <!DOCTYPE b> --><a>1</a>", {"a": "1"}),
    "comment in a text": ("<a>foo<!-- c -->bar</a>", {"a": "foobar"}),
    "instructions": ("<?s href='x'?><a><?t?>1</a><?u?>", {"a": "1"}),
    "references": ("<a b='&quot;&#x41;'>&lt;x&gt; &amp; &#228;</a>", {"a": {"@b": '"A', "#text": "<x> & \u00e4"}}),
    "space": ("<a> <b> x </b> </a>", {"a": {"b": " x "}}),
    "space alone": ("<a> </a>", {"a": " "}),
    "text before children": ("<a>x<b/></a>", {"a": {"b": None, "#text": "x"}}),
    "utf-16": ('<?xml version="1.0" encoding="UTF-16"?><a>\u00fc</a>'.encode("utf-16"), {"a": "\u00fc"}),
    "utf-16 without a mark": ("<a>\u00fc</a>".encode("utf-16-le"), {"a": "\u00fc"}),
    "latin-1": ("<?xml version='1.0' encoding='ISO-8859-1'?><a>\u00fc</a>".encode("latin-1"), {"a": "\u00fc"}),
    "shift_jis": ("<?xml version='1.0' encoding='Shift_JIS'?><a>\u6771</a>".encode("shift_jis"), {"a": "\u6771"}),
    "mark": (b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><a>1</a>', {"a": "1"}),
    "names of the world": ("<gr\u00f6\u00dfe>1</gr\u00f6\u00dfe>", {"gr\u00f6\u00dfe": "1"}),
}

REFUSED: dict[str, str | bytes] = {
    "nothing but space": " ",
    "space before the declaration": '\n<?xml version="1.0"?><a/>',
    "two roots": "<a/><b/>",
    "wrong end": "<a></b>",
    "attribute twice": "<a b='1' b='2'/>",
    "text between children": "<a><b/>x<c/></a>",
    "text after a child": "<p>Hello <b>big</b> world</p>",
    "space of another kind between children": "<a><b/>\u00a0</a>",
    "prefix that is not declared": "<p:a/>",
    "attribute with a prefix that is not declared": "<a p:x='1'/>",
    "prefix of a sibling": '<a><b xmlns:p="u"/><p:c/></a>',
    "two colons": '<p:a:b xmlns:p="u"/>',
    "nothing before the colon": "<:a/>",
    "nothing after the colon": '<p: xmlns:p="u"/>',
    "prefix taken back": '<a xmlns:p="u"><b xmlns:p=""/></a>',
    "xml given another meaning": '<a xmlns:xml="u"/>',
    "entity that is not declared": "<a>&nbsp;</a>",
    "doctype": "<!DOCTYPE a><a/>",
    "doctype after a comment": "<!-- - --><?x ??>\n<!DOCTYPE a><a/>",
    "doctype in utf-16": '<!DOCTYPE a [<!ENTITY e "v">]><a>&e;</a>'.encode("utf-16"),
    "file": '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>',
    "parameter entity": '<!DOCTYPE a [<!ENTITY % e SYSTEM "http://127.0.0.1:1/"> %e;]><a/>',
    "unknown encoding": "<?xml version='1.0' encoding='idna'?><a/>",
    "not what it says": b"<?xml version='1.0' encoding='utf-8'?><a>\xfc</a>",
    "control character": b"<a>\x01</a>",
    "101 elements deep": "<a>" * 101 + "</a>" * 101,
}

COSTLY: dict[str, str] = {
    "declarations and elements": f"<a {DECLARATIONS}>{'<b/>' * 50_000}</a>",
    "declarations and names with prefixes": f"<a {DECLARATIONS}>{'<n8999:b/>' * 20_000}</a>",
    "declarations again and again": "<a>" + "".join(f'<b xmlns:n{i}="{i}"/>' for i in range(20_000)) + "</a>",
    "attributes": f"<a {ATTRIBUTES}/>",
    "elements": f"<a>{'<b/>' * 120_000}</a>",
    "names": "<a>" + "".join(f"<b{i}/>" for i in range(50_000)) + "</a>",
    "references": f"<a>{'&lt;' * 120_000}</a>",
    "comments": f"<a>{'<!---->' * 70_000}</a>",
    "one text": f"<a>{'x' * 500_000}</a>",
    "one attribute": f'<a b="{"x" * 500_000}"/>',
    "deep": "<a>" * 150_000,
    "laughs": f'<!DOCTYPE a [<!ENTITY e0 "x">{ENTITIES}]><a>&e11;</a>',
    "chain of entities": f'<!DOCTYPE a [{CHAIN}<!ENTITY e9000 "x">]><a>&e0;</a>',
    "prolog of comments": f"{'<!-- - -->' * 50_000}<!DOCTYPE a><a/>",
    "prolog that never ends": f"<?a {'?' * 400_000}<!DOCTYPE a>",
    "tag that never ends": "<a " * 150_000,
}
