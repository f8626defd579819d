"""The Integration Hub: every system outside, behind one contract, and every call ending in one `Outcome`.

1. `contract.py`  what a connector promises (`open, check, call, close`) and what its operations may do to the world
2. `pipeline.py`  the way of a call: plan, policy, bulkhead, breaker, intent, transport, classification, short retry
3. `http.py` `sql.py`  the connectors
4. `outcome.py`   what came of it, and above all: whether the outside world has changed

Bodies: `codecs.py` (by media type), `xml_mapping.py`. Addresses and credentials: `connections.py`. Where calls may
go: `policy.py`.
"""
