"""Files as triggers: what is put into a folder becomes events, one for each record, and each record once."""
