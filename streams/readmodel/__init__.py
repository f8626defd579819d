"""Station 6: what people can query, as SQL tables that are made from the topics and can be made from them again.

    history, tasks, decisions ──`writer`──▶ tables ──`reader`──▶ gateway

`tables` declares them, `database` opens SQLite or PostgreSQL, `presentation` turns the stored messages into what
people read, `ages` measures how old the oldest open instances are. The tables carry what is filtered and sorted by;
the rest stays in the message itself, as it came from Kafka.
"""
