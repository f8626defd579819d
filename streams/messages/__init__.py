"""Messages as triggers: what comes in queues, topics and mailboxes of others becomes events, each message once."""
