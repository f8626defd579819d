"""The console: pages on which people see their processes and act on them, served by the gateway at `/`.

    request ─▶ serving ─▶ entry (who is it?) ─▶ a page ─▶ View ─▶ HTML by a template, or the same as JSON
                                                 └─▶ the read model, and the gateway's own acts

A page is a function from a `Visit` to a `View`. Everything that can be computed without asking anybody is pure and
stands beside the pages: `account` (from history to steps), `story` (the one sentence), `axis` (time), `forms`, `words`.
Pages work without JavaScript; nothing comes from a foreign address; every text is escaped where it is put into a page.
"""

from streams.console.serving import install

__all__ = ["install"]
