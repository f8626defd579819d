"""Statements in SQL: what is a parameter in them, what they give, and what is said of those that are refused.

To add one, add a line. Statements run on SQLite, on the tables of `TABLES`; `LEXED` are read for both dialects, in
which a parameter shows as its name in braces.
"""

from __future__ import annotations

from typing import Any

SECRET = "Jane-Roe"
TABLES = """
    CREATE TABLE acc (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, rate REAL, CHECK (id < 1000));
    INSERT INTO acc VALUES (1, 'Ada', 0.5), (2, 'Bob', 9e999), (3, 'Cy', NULL);
    CREATE TABLE big (id INTEGER, cell BLOB);
"""

LEXED: dict[str, tuple[str, str | None, str | None]] = {  # statement, on SQLite, on PostgreSQL (None: as on SQLite)
    "parameter": ("SELECT :a", "SELECT {a}", None),
    "parameters side by side": ("SELECT :a,:b_2||:a", "SELECT {a},{b_2}||{a}", None),
    "text": ("SELECT ':a', 'it''s :b', :c", "SELECT ':a', 'it''s :b', {c}", None),
    "json": ("""SELECT '{"active":true}'""", """SELECT '{"active":true}'""", None),
    "quoted name": ('SELECT "a:b" AS "c "":d"', 'SELECT "a:b" AS "c "":d"', None),
    "line comment": ("SELECT 1 -- was :old\n, :a", "SELECT 1 -- was :old\n, {a}", None),
    "comment at the end": ("SELECT 1 -- :a", "SELECT 1 -- :a", None),
    "comment": ("SELECT /* :a -- */ :b", "SELECT /* :a -- */ {b}", None),
    "comment in a comment": ("/* /* :a */ :b */ :c", "/* /* :a */ {b} */ {c}", "/* /* :a */ :b */ {c}"),
    "comment without end": ("SELECT 1 /* :a", "SELECT 1 /* :a", None),
    "text without end": ("SELECT 'a :b", "SELECT 'a :b", None),
    "comment in a text": ("SELECT '--', '/*', :a", "SELECT '--', '/*', {a}", None),
    "cast": ("SELECT :a::int, b::text", "SELECT {a}::int, b::text", None),
    "cast of a text": ("SELECT '10'::int", "SELECT '10'::int", None),
    "slice": ("SELECT b[1:2], b[:a]", "SELECT b[1:2], b[:a]", "SELECT b[1:2], b[{a}]"),
    "named argument": ("SELECT f(a := :b)", "SELECT f(a := {b})", None),
    "escaped": (r"SELECT '\:a', \:b", "SELECT ':a', :b", None),
    "time": ("SELECT '12:30:59', :a", "SELECT '12:30:59', {a}", None),
    "address": ("SELECT 'http://h:80/:a'", "SELECT 'http://h:80/:a'", None),
    "dollars": ("SELECT $$ :a $$, :b", "SELECT $$ {a} $$, {b}", "SELECT $$ :a $$, {b}"),
    "named dollars": ("SELECT $x$ $$ :a $x$, :b", "SELECT $x$ $$ {a} $x$, {b}", "SELECT $x$ $$ :a $x$, {b}"),
    "dollar in a name": ("SELECT a$b, c$$d, :e", "SELECT a$b, c$$d, {e}", None),
    "backslash in a text": (r"SELECT 'a\', :b", r"SELECT 'a\', {b}", None),
    "backslash in a text of E": (r"SELECT E'a\' :b', :c", r"SELECT E'a\' {b}', :c", r"SELECT E'a\' :b', {c}"),
    "back quotes": ("SELECT `a:b`, :c", "SELECT `a:b`, {c}", None),
    "brackets": ("SELECT [a :b]", "SELECT [a :b]", "SELECT [a {b}]"),
    "percent": ("SELECT 'a%' LIKE '%', 5 % :a", "SELECT 'a%' LIKE '%', 5 % {a}", None),
    "letters of the world": ("SELECT :gr\u00fcn, '\u00fc:a'", "SELECT {gr\u00fcn}, '\u00fc:a'", None),
    "colon alone": ("SELECT : a, :1", "SELECT : a, :1", None),
}

GIVES: dict[str, tuple[str, dict[str, Any], list[Any]]] = {  # statement, parameters, the first column
    "in brackets, none": ("SELECT id FROM acc WHERE id IN (:ids)", {"ids": []}, []),
    "in brackets, one": ("SELECT id FROM acc WHERE id IN (:ids)", {"ids": [2]}, [2]),
    "in brackets, two": ("SELECT id FROM acc WHERE id IN (:ids) ORDER BY id", {"ids": [2, 1]}, [1, 2]),
    "none": ("SELECT id FROM acc WHERE id IN :ids", {"ids": []}, []),
    "one": ("SELECT id FROM acc WHERE id IN :ids", {"ids": [2]}, [2]),
    "two": ("SELECT id FROM acc WHERE id IN :ids ORDER BY id", {"ids": [2, 1]}, [1, 2]),
    "not in none": ("SELECT id FROM acc WHERE id NOT IN (:ids) ORDER BY id", {"ids": []}, [1, 2, 3]),
    "not in two": ("SELECT id FROM acc WHERE id not in (:ids)", {"ids": [1, 2]}, [3]),
    "in, over lines": ("SELECT id FROM acc WHERE id IN\n( -- which\n :ids /* all */ )", {"ids": [1, 3]}, [1, 3]),
    "among others": ("SELECT id FROM acc WHERE id IN (3, :ids) ORDER BY id", {"ids": [1, 2]}, [1, 2, 3]),
    "a scalar in brackets": ("SELECT id FROM acc WHERE id IN (:id)", {"id": 2}, [2]),
    "twice": ("SELECT id FROM acc WHERE id IN (:i) OR id + 1 IN :i ORDER BY id", {"i": [2, 3]}, [1, 2, 3]),
    "texts": ("SELECT owner FROM acc WHERE owner IN (:o)", {"o": ["Ada", "x"]}, ["Ada"]),
    "beside scalars": (
        "SELECT :a || owner FROM acc WHERE id IN (:i) AND rate < :r",
        {"a": "x", "i": [1], "r": 1},
        ["xAda"],
    ),
    "arguments of a function": ("SELECT max(:n)", {"n": [3, 7, 5]}, [7]),
    "nothing": ("SELECT typeof(:a)", {"a": None}, ["null"]),
    "nothing in a list": ("SELECT id FROM acc WHERE id IN (:i)", {"i": [None, 1]}, [1]),
    "64 bits": ("SELECT :a", {"a": 2**63 - 1}, [2**63 - 1]),
    "colon in a text": ("SELECT 'see :note' AS a", {}, ["see :note"]),
    "json in a text": ("""SELECT json_extract('{"active":true}', '$.active')""", {}, [1]),
    "comment": ("SELECT 1 AS a -- was :old", {}, [1]),
    "semicolon at the end": ("SELECT 1; -- done\n ;", {}, [1]),
    "semicolon in a text": ("SELECT ';' AS a", {}, [";"]),
    "percent": ("SELECT 7 % :a", {"a": 4}, [3]),
    "name with a point": ('SELECT 1 AS "a.b"', {}, [1]),
    "with": ("WITH x AS (SELECT 1 AS a) SELECT a FROM x", {}, [1]),
    "recursive": (
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i+1 FROM n WHERE i<3) SELECT i FROM n",
        {},
        [1, 2, 3],
    ),
    "values": ("VALUES (1), (2)", {}, [1, 2]),
    "table of json": ("SELECT value FROM json_each('[5,6]')", {}, [5, 6]),
    "printf": ("SELECT printf('%05.1f|%s|%d', 2.25, :a, 7)", {"a": "x"}, ["002.3|x|7"]),
    "printf of nothing": ("SELECT typeof(printf(NULL))", {}, ["null"]),
    "pragma that tells": ("PRAGMA table_info(big)", {}, [0, 1]),
    "pragma as a table": ("SELECT name FROM pragma_table_info('big')", {}, ["id", "cell"]),
}

REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {  # function, statement, parameters, a part of what is said
    "two statements": ("sql.query", "SELECT 1 AS a; SELECT 2 AS b", {}, "statement is more than one; make each a step"),
    "two changes": ("sql.execute", "DELETE FROM acc; DELETE FROM acc", {}, "statement is more than one"),
    "nothing": ("sql.query", " -- :a\n ;", {}, "statement is"),
    "write in a query": ("sql.query", "INSERT INTO acc VALUES (9, 'x', 1) RETURNING id", {}, "or call sql.execute"),
    "write in a with": ("sql.query", "WITH x AS (SELECT 1) DELETE FROM acc", {}, "a query reads the tables"),
    "cast": ("sql.query", "SELECT '10'::int AS a", {}, "write CAST(x AS integer)"),
    "not null": ("sql.execute", "INSERT INTO acc VALUES (9, :o, 1)", {"o": None}, "NOT NULL constraint failed: acc.o"),
    "check": ("sql.execute", "INSERT INTO acc VALUES (:i, 'x', 1)", {"i": 1001}, "CHECK constraint failed: id < 1000"),
    "unique": ("sql.execute", "INSERT INTO acc VALUES (1, :o, 1)", {"o": SECRET}, "UNIQUE constraint failed: acc.id"),
    "65 bits": ("sql.query", "SELECT :a", {"a": 2**63}, "parameters.a is a whole number of more than 64 bits"),
    "65 bits in a list": ("sql.query", "SELECT 1 WHERE 1 IN (:a)", {"a": [-(2**63) - 1]}, "more than 64 bits"),
    "an object": ("sql.query", "SELECT :a", {"a": {SECRET: 1}}, "parameters.a is neither a scalar nor"),
    "list in a list": ("sql.query", "SELECT 1 WHERE 1 IN :a", {"a": [[SECRET]]}, "parameters.a is neither a scalar"),
    "an empty list among others": ("sql.query", "SELECT 1 WHERE 1 IN (2, :a)", {"a": []}, "parameters.a is an empty"),
    "a question mark": ("sql.query", "SELECT ?", {}, "write it as :name"),
    "a parameter with @": ("sql.query", "SELECT @a", {}, "write it as :name"),
    "no such table": ("sql.query", "SELECT * FROM nowhere WHERE a = :a", {"a": SECRET}, "no such table: nowhere"),
    "no such column": ("sql.query", "SELECT colour FROM acc", {}, "no such column: colour"),
    "no such function": ("sql.query", "SELECT colour(1)", {}, "no such function: colour"),
    "no keyword": ("sql.execute", "SELEC :a", {"a": SECRET}, 'near "SELEC"'),
    "no query": ("sql.query", "SELEC 1", {}, "statement is no query; begin with SELECT"),
    "attach": ("sql.query", "ATTACH DATABASE 'other.sqlite' AS p", {}, "reaches another database"),
    "attach in a change": ("sql.execute", "attach 'other.sqlite' AS p", {}, "reaches another database"),
    "attach behind a comment": ("sql.execute", "/* x */ -- y\nATTACH 'other.sqlite' AS p", {}, "another database"),
    "detach": ("sql.execute", "DETACH main", {}, "reaches another database"),
    "vacuum": ("sql.execute", "VACUUM INTO 'other.sqlite'", {}, "rewrites the database"),
    "explain vacuum": ("sql.query", "PRAGMA incremental_vacuum(1)", {}, "SQLITE_AUTH"),
    "query_only": ("sql.query", "PRAGMA query_only = OFF", {}, "SQLITE_AUTH"),
    "query_only as a table": ("sql.query", "SELECT * FROM pragma_query_only", {}, "SQLITE_"),
    "journal": ("sql.execute", "PRAGMA journal_mode = MEMORY", {}, "SQLITE_AUTH"),
    "writable schema": ("sql.execute", "PRAGMA writable_schema = ON", {}, "SQLITE_AUTH"),
    "temporary folder": ("sql.execute", "PRAGMA temp_store_directory = '/tmp'", {}, "SQLITE_AUTH"),
    "version": ("sql.execute", "PRAGMA user_version = 7", {}, "SQLITE_AUTH"),
    "where the database is": ("sql.query", "PRAGMA database_list", {}, "SQLITE_AUTH"),
    "code": ("sql.query", "SELECT load_extension('x')", {}, "SQLITE_"),
    "temporary table": ("sql.execute", "CREATE TEMP TABLE t (a)", {}, "makes something temporary"),
    "begin": ("sql.execute", "BEGIN IMMEDIATE", {}, "each statement is a transaction of its own"),
    "commit": ("sql.execute", "COMMIT", {}, "each statement is a transaction of its own"),
    "copy": ("sql.execute", "COPY acc TO '/tmp/x'", {}, "reads or writes files"),
}  # fmt: skip

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
TOO_LARGE = {
    "zeros": "SELECT zeroblob(900000000) AS x",
    "printf": "SELECT printf('%.*c', 900000000, 'x') AS x",
    "format": "SELECT format('%900000000d', 1) AS x",
    "printf of what is large": "SELECT printf('%s%s', hex(zeroblob(9000000)), hex(zeroblob(9000000))) AS x",
    "random": "SELECT hex(randomblob(400000000)) AS x",
    "one cell": "SELECT hex(randomblob(700000)) AS x",
    "replace": "SELECT replace(hex(zeroblob(4000000)), '0', '0123456789') AS x",
    "many cells": f"{NUMBERS} LIMIT 900) SELECT hex(zeroblob(5000)) AS x FROM n",
    "endless large cells": f"{NUMBERS}) SELECT zeroblob(9000000) AS x FROM n",
    "endless rows": f"{NUMBERS}) SELECT i FROM n",
    "group": f"{NUMBERS} LIMIT 90) SELECT group_concat(hex(zeroblob(500000))) AS x FROM n",
    "json": f"{NUMBERS} LIMIT 90) SELECT json_group_array(hex(zeroblob(500000))) AS x FROM n",
}

NO_FORM = {
    "infinity": "SELECT rate FROM acc WHERE id = 2",
    "minus infinity": "SELECT -9e999 AS x",
    "a text that is none": "SELECT CAST(x'ff' AS TEXT) AS x",
}
