"""SQL tables that are made from the topics, for whatever is to be queried: the mechanism, without a table of its own.

    messages ──`writer`──▶ tables, as `projection`s say ──▶ whoever asks (`paging`, `presentation`)

Which tables there are, the processors say from whose messages they are made (`Declaration.rows`); the view hosts the
writing (streams/processors/view), and the questions stand beside it. `database` opens SQLite or PostgreSQL and brings
a database of an earlier layout up to today's. The tables carry what is filtered and sorted by; the rest stays in the
message itself, as it came from Kafka. They can be made again from what the topics still hold, and no further.
"""
