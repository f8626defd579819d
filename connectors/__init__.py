"""The Integration Hub: every system outside, behind one contract, and every call ending in one `CallOutcome`.

1. `catalogue`   the one list of connectors; each declares its operations in its own package, and light
2. `assembly`    loads their code and makes the hub of it
3. `hub`         what calls have in common: arguments by declaration, policy, bulkhead, breaker, intent, outcome;
                 addresses and credentials (`connections`), what metrics are made of (`observer`)
4. `http` `sql` `mail` `file` `webhook`
                 the connectors: a plan of a call, the sending, and what came of it
5. `codecs`      bodies by media type: JSON, forms, texts and XML, in any charset

README.md says how to do what is often done here.
"""
