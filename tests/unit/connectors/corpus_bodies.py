"""Bodies of answers and of requests, as systems are known to write them. To add one, add a line.

`READ`: what a body is read as. `REFUSED`: what is no value, with a part of what is said. `WRITTEN`: what a value is
written as. `UNWRITTEN`: what has no form. Nothing in a text may come from a body: whoever refuses checks for `SECRET`.
"""

from __future__ import annotations

from typing import Any

SECRET = "DE02-Jane-Roe"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
XML = "application/xml"
TEXT = "text/plain"
UMLAUT = '{"city":"D\u00fcren"}'
EURO = '{"sum":"7 \u20ac"}'

READ: dict[str, tuple[bytes, str, Any]] = {
    "json": (b'{"a":[1,2.5,true,null]}', JSON, {"a": [1, 2.5, True, None]}),
    "json in utf-8": (UMLAUT.encode(), f"{JSON}; charset=UTF-8", {"city": "D\u00fcren"}),
    "json in quotes": (UMLAUT.encode("latin-1"), f'{JSON};Charset="ISO-8859-1"', {"city": "D\u00fcren"}),
    "json in latin-1": (UMLAUT.encode("latin-1"), f"{JSON}; charset=iso-8859-1", {"city": "D\u00fcren"}),
    "json in latin-9": (EURO.encode("iso-8859-15"), f"{JSON}; charset=ISO-8859-15", {"sum": "7 \u20ac"}),
    "json in windows": (EURO.encode("cp1252"), f"{JSON}; charset=windows-1252", {"sum": "7 \u20ac"}),
    "json in utf-16": (UMLAUT.encode("utf-16"), f"{JSON}; charset=utf-16", {"city": "D\u00fcren"}),
    "json in utf-16 unsaid": (UMLAUT.encode("utf-16-le"), JSON, {"city": "D\u00fcren"}),
    "json in utf-16 big": (UMLAUT.encode("utf-16-be"), f"{JSON}; charset=utf-16be", {"city": "D\u00fcren"}),
    "json in utf-32": (UMLAUT.encode("utf-32"), JSON, {"city": "D\u00fcren"}),
    "json with a mark": (b"\xef\xbb\xbf" + UMLAUT.encode(), JSON, {"city": "D\u00fcren"}),
    "json with a mark and a charset": (b"\xef\xbb\xbf[1]", f"{JSON}; charset=utf-8", [1]),
    "mark goes before charset": (b"\xef\xbb\xbf" + UMLAUT.encode(), f"{JSON}; charset=latin1", {"city": "D\u00fcren"}),
    "json of an unknown charset": (b"[1]", f"{JSON}; charset=utf8mb4", [1]),
    "problem": (b'{"title":"t"}', "application/problem+json", {"title": "t"}),
    "64 bits": (
        b"[9007199254740993,18446744073709551615,-9223372036854775808]",
        JSON,
        [9007199254740993, 18446744073709551615, -9223372036854775808],
    ),
    "digits in a text": (b'["12345678901234567890123"]', JSON, ["12345678901234567890123"]),
    "many digits after the point": (b"[0.12345678901234567890123]", JSON, [0.12345678901234568]),
    "no body": (b"", JSON, None),
    "text in utf-8": ("gr\u00fcn".encode(), TEXT, "gr\u00fcn"),
    "text in latin-1": ("gr\u00fcn".encode("latin-1"), f"{TEXT}; charset=ISO-8859-1", "gr\u00fcn"),
    "text with a mark": (b"\xef\xbb\xbfhello", f"{TEXT}; charset=utf-8", "hello"),
    "text in shift_jis": ("\u6771\u4eac".encode("shift_jis"), f"{TEXT}; charset=Shift_JIS", "\u6771\u4eac"),
    "no media type": (b"json", "json", "json"),
    "form": (b"a=1&b=2", FORM, {"a": "1", "b": "2"}),
    "form with an empty value": (b"a=1&b=&d", FORM, {"a": "1", "b": "", "d": ""}),
    "form with & at the end": (b"token=abc&scope=read&", FORM, {"token": "abc", "scope": "read"}),
    "form with && in it": (b"&a=1&&b=2", FORM, {"a": "1", "b": "2"}),
    "form with = in a value": (b"a=b=c", FORM, {"a": "b=c"}),
    "form with a name again": (b"a=1&a=2&a=3", FORM, {"a": ["1", "2", "3"]}),
    "form with escapes": (b"a+b=%C3%BC+%26%3D", FORM, {"a b": "\u00fc &="}),
    "form in latin-1": (b"a=%FC", f"{FORM}; charset=ISO-8859-1", {"a": "\u00fc"}),
    "form with a broken escape": (b"a=100%&b=%zz", FORM, {"a": "100%", "b": "%zz"}),
    "unknown text": (b"plain words", "", "plain words"),
    "unknown json": (b'{"a":1}', "", {"a": 1}),
    "unknown bytes": (b"\x00\xff", "image/png", "AP8="),
}

REFUSED: dict[str, tuple[bytes, str, str]] = {
    "NaN": (b'{"a":NaN}', JSON, "not well-formed"),
    "Infinity": (b"[-Infinity]", JSON, "not well-formed"),
    "more than a double": (b'{"a":1e400}', JSON, "too large"),
    "65 bits": (b"[18446744073709551616]", JSON, "more than 64 bits"),
    "65 bits below": (b"[-9223372036854775809]", JSON, "more than 64 bits"),
    "many digits": (b"[" + b"7" * 300 + b"]", JSON, "more than 64 bits"),
    "65 bits of no media type": (b"[18446744073709551616]", "", "more than 64 bits"),
    "65 bits in utf-16": ("[18446744073709551616]".encode("utf-16"), JSON, "more than 64 bits"),
    "nested 400 deep": (b"[" * 400 + b"]" * 400, JSON, "nested deeper"),
    "nested 5000 deep": (b'{"a":' * 5000, JSON, "nested deeper"),
    "objects nested deep": (b'{"a":' * 300 + b"1" + b"}" * 300, JSON, "nested deeper"),
    "half of a pair": (b'"\\ud800"', JSON, "not well-formed"),
    "latin-1 that is not declared": (SECRET.encode() + b"\xfc", JSON, "not well-formed"),
    "html": (f"<p>{SECRET}".encode(), JSON, "not well-formed"),
    "two values": (b"{} {}", JSON, "not well-formed"),
    "text of another charset": ("gr\u00fcn".encode("latin-1"), "text/html", "no other charset is named"),
    "text of an unknown charset": (b"hi", f"{TEXT}; charset=utf8mb5", "its charset is not one that is known"),
    "text of a dear charset": (b"a" * 9000, f"{TEXT}; charset=idna", "its charset is not one that is known"),
    "text with half of a pair": (b"+2AA-", f"{TEXT}; charset=utf-7", "its charset is not one that is known"),
    "text of a charset that is code": (b"\\ud800", f"{TEXT}; charset=unicode_escape", "its charset"),
    "text of bytes": (b"eJwDAAAAAAE=", f"{TEXT}; charset=zlib", "its charset is not one that is known"),
    "utf-16 cut off": (b"\xff\xfea", TEXT, "it is not utf-16"),
    "form of another charset": (b"a=%FF", FORM, "it is not utf-8"),
    "form with raw bytes": (SECRET.encode() + b"\xff", FORM, "it is not utf-8"),
    "bytes of no media type": (b"\xff\xff\x00", "", "names no media type"),
}

WRITTEN: dict[str, tuple[Any, str, bytes]] = {
    "json": ({"a": "\u00fc"}, JSON, b'{"a":"\xc3\xbc"}'),
    "json in latin-1": ({"a": "\u00fc"}, f"{JSON}; charset=ISO-8859-1", b'{"a":"\xfc"}'),
    "text of a whole double": (5.0, TEXT, b"5"),
    "text of a double": (2.5, TEXT, b"2.5"),
    "text of minus nothing": (-0.0, TEXT, b"0"),
    "text of a large double": (1e22, TEXT, b"1e+22"),
    "text of true": (True, TEXT, b"true"),
    "text in latin-1": ("\u00fc", f"{TEXT}; charset=latin1", b"\xfc"),
    "form of numbers": ({"a": 5.0, "b": [1, 2.0, 0.5], "c": False}, FORM, b"a=5&b=1&b=2&b=0.5&c=false"),
    "form in utf-8": ({"a b": "\u00fc&"}, FORM, b"a+b=%C3%BC%26"),
    "form in latin-1": ({"a": "\u00fc"}, f"{FORM}; charset=ISO-8859-1", b"a=%FC"),
    "xml of numbers": ({"a": {"@n": 5.0, "b": [7.0, 0.5]}}, XML, b'<a n="5"><b>7</b><b>0.5</b></a>'),
    "xml in latin-1": ({"a": "\u00fc"}, f"{XML}; charset=ISO-8859-1", b"<a>\xfc</a>"),
    "xml of what latin-1 lacks": ({"a": {"@b": "\u20ac", "#text": "\u20ac"}}, f"{XML}; charset=ISO-8859-1",
                                  b'<a b="&#8364;">&#8364;</a>'),
    "xml that is written": ("<a>\u00fc</a>", XML, b"<a>\xc3\xbc</a>"),
    "xml that says its charset": (
        "<?xml version='1.0' encoding='ISO-8859-1'?><a>\u00fc</a>", XML,
        b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xfc</a>",
    ),
}  # fmt: skip

UNWRITTEN: dict[str, tuple[Any, str]] = {
    "json that latin-1 lacks": ({"a": f"{SECRET} \u20ac"}, f"{JSON}; charset=ISO-8859-1"),
    "text that latin-1 lacks": (f"{SECRET} \u20ac", f"{TEXT}; charset=ISO-8859-1"),
    "text in ascii": ("\u00fc", f"{TEXT}; charset=us-ascii"),
    "form that latin-1 lacks": ({"a": "\u20ac"}, f"{FORM}; charset=ISO-8859-1"),
    "json of an unknown charset": ({"a": 1}, f"{JSON}; charset=nonsense"),
    "json beyond 64 bits": (2**70, JSON),
    "json of half a pair": ("\ud800", JSON),
    "text of an object": ({SECRET: 1}, TEXT),
    "text of nothing": (None, TEXT),
    "text that is not finite": (float("nan"), TEXT),
    "form of a list": ([SECRET], FORM),
    "form of objects": ({"a": {SECRET: 1}}, FORM),
    "xml with a name that latin-1 lacks": ({"\u4ef7": SECRET}, f"{XML}; charset=ISO-8859-1"),
    "xml of a list": ([SECRET], XML),
}
