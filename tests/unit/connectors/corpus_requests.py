"""Addresses, queries and headers of `call: http`: how they go out, and which do not. To add one, add a line."""

from __future__ import annotations

from typing import Any

ADDRESSES = {  # given: sent
    "http://host": "http://host/",
    "http://host/": "http://host/",
    "HTTP://Host:8080/A": "http://host:8080/A",
    "http://host?a=1": "http://host/?a=1",
    "http://host/a%2Fb": "http://host/a%2Fb",
    "http://host/a%2fb": "http://host/a%2fb",
    "http://host/a%2F..%2Fb": "http://host/a%2F..%2Fb",
    "http://host/%7Euser/%41": "http://host/%7Euser/%41",
    "http://host/a//b/": "http://host/a//b/",
    "http://host/...": "http://host/...",
    "http://host/.well-known/x": "http://host/.well-known/x",
    "http://host/a..b/.c/d.": "http://host/a..b/.c/d.",
    "http://host/a;v=1,2/(b)'!$&*+=:@": "http://host/a;v=1,2/(b)'!$&*+=:@",
    "http://host/a?sig=a%3Db%26c&b=x+y&c=%C3%BC&d&e=%2F&f=": "http://host/a?sig=a%3Db%26c&b=x+y&c=%C3%BC&d&e=%2F&f=",
    "http://host/a?b=/../c": "http://host/a?b=/../c",
    "http://host/a?b=1?c": "http://host/a?b=1?c",
    "http://host/a#part": "http://host/a",
    "http://host/a?": "http://host/a",
    "http://host/a b/\u00fc": "http://host/a%20b/%C3%BC",
    "http://host/a?b=c d&e=\u20ac%2B": "http://host/a?b=c%20d&e=%E2%82%AC%2B",
    "http://host/100%": "http://host/100%25",
    "http://host/100%25": "http://host/100%25",
    "http://host/a\\..\\b": "http://host/a%5C..%5Cb",
    "http://host/a?filter[name]=x|y": "http://host/a?filter%5Bname%5D=x%7Cy",
    "http://d\u00fcren.example/": "http://xn--dren-0ra.example/",
    "http://[::1]:81/a": "http://[::1]:81/a",
}

WITH_QUERY: list[tuple[str, dict[str, Any], str]] = [
    ("http://host/a?sig=a%3Db&d", {"x": "1 2"}, "http://host/a?sig=a%3Db&d&x=1+2"),
    ("http://host/a%2Fb", {"x": "a/b&c=d"}, "http://host/a%2Fb?x=a/b%26c%3Dd"),
    ("http://host/a?b=1", {"b": [2, "\u00fc"]}, "http://host/a?b=1&b=2&b=%C3%BC"),
    ("http://host/a?b=%2f", {}, "http://host/a?b=%2f"),
    ("http://host/a", {"b": []}, "http://host/a"),
    ("http://host/a", {"b": True, "c": "#+%"}, "http://host/a?b=true&c=%23%2B%25"),
    ("connection://erp/a?sig=%2B&d", {"x": 5.0}, "https://erp.example/api/a?sig=%2B&d&x=5"),
]

REFUSED_ADDRESSES = [
    "http://host/..",
    "http://host/a/../b",
    "http://host/./a",
    "http://host/a/.",
    "http://host/a/..?b=1",
    "http://host/a/..#b",
    "http://host/%2e%2E/a",
    "http://host/.%2e/a",
    "http://host/%2e",
    "http://host/a/..;x=1/b",
    "connection://erp/../secrets",
    "connection://erp/a/%2e%2e/%2e%2e/b",
    "http://host/a\nb",
    "http://ho\tst/a",
    "http://host/\x00",
    "http://xn--/",
    "http://a b/",
    "http://host:99999/",
    "http://host:80:90/",
    "http://host:x/",
    "http:///a",
    "http:/host/a",
    "//host/a",
    "file:///etc/hosts",
    "connectio://erp/a",
    "http://user@host/",
    "http://host\\@other/",
    "http://[::1/a",
    "http://[::1]@",
    "http://[::1]@host]/",
    "http://ho%00st/",
]

BASES = [  # address of the connection, what is called, what is sent
    ("https://erp.example", "connection://erp", "https://erp.example/"),
    ("https://erp.example/", "connection://erp/a", "https://erp.example/a"),
    ("https://erp.example/api", "connection://erp", "https://erp.example/api"),
    ("https://erp.example/api/", "connection://erp/", "https://erp.example/api/"),
    ("https://erp.example/api/", "connection://ERP?x=1", "https://erp.example/api/?x=1"),
    (
        "https://erp.example/a%2Fb?key=k%3D",
        "connection://erp/c%2Fd?x=%2B",
        "https://erp.example/a%2Fb/c%2Fd?key=k%3D&x=%2B",
    ),
    ("https://u:p%40w@erp.example:444/api", "connection://erp/a", "https://erp.example:444/api/a"),
    ("http://[::1]:81/api", "connection://erp//a", "http://[::1]:81/api//a"),
]

HEADERS: list[dict[str, Any]] = [
    {"Accept": "text/csv"},
    {"X-Total": 7, "x-a.b_c~d": "e"},
    {"Content-Type": "application/json; charset=utf-8"},
    {"X-Empty": ""},
    {"X-Name": "D\u00fcren"},
    {"Connection-Id": "1", "Hostname": "h", "TE2": "x"},
]
NO_TOKENS = ["Bad Name", "X-Role: admin", "X:Y", "X\r\nY", "\u00dcber", "(x)"]
REFUSED_HEADERS: list[dict[str, Any]] = [
    *({name: "1"} for name in NO_TOKENS),
    {"": "x"},
    *(
        {name: "1"}
        for name in (
            "Content-Length", "content-length", "Transfer-Encoding", "HOST", "Connection", "Upgrade", "TE", "Trailer",
            "Expect", "Keep-Alive", "Proxy-Connection", "HTTP2-Settings",
        )
    ),
    {"X-A": "b\r\nX-Role: admin"},
    {"X-A": "b\nc"},
    {"X-A": "\x00"},
    {"X-A": "a\x7f"},
    {"X-A": "1", "x-a": "2"},
]  # fmt: skip
