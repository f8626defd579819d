"""The outside world of the sample processes, as real servers on loopback: what Exlify integrates, nothing of Exlify.

| connection | system | interface | effect |
|---|---|---|---|
| `identity` | identity verification of a third party | JSON, `POST /identity/verifications` | a paid check |
| `registry` | a public register, which knows the same persons | JSON, `POST /registry/persons` | a paid look-up |
| `compliance` | database of the compliance department | SQLite: `sanctioned`, `cases`, `checks` | rows of `checks` |
| `erp` | enterprise resource planning | XML, `POST /erp/accounts` | an account |
| `foundry` | a supplier, of no more than 500 pieces at once | JSON, `POST /foundry/orders` | an order |
| `trader` | another, of no more than 2,000 | XML, `POST /trader/requests` | an order |
| `mail` | notification service | JSON, `POST /mail/messages` | a letter |
| `control` | the sandbox itself | `GET /ledger/{system}`, `POST`, `GET` and `DELETE /faults` | |

`python -m infra.sandbox --data DIR --port-file FILE` starts it. The HTTP systems honour `Idempotency-Key`: the same
key gets the same answer again, the same key with another body 422. Each keeps a ledger of every request and effect,
which outlives it. Answers are derived from the input alone. Latency and faults are made on demand, seeded
(`faults.py`).
"""
