"""What travels: the Avro schemas of every message, their ids, and the bytes that they become.

The journey through this package, from the file to the wire and back:

1. `avro/*.avsc` is the source of every message; `catalogue` reads it, `messages` names it.
2. `freeze` keeps each released version under `frozen/` with golden bytes (`samples`), and gives it an id in `ids.json`;
   `released` reads them.
3. `registry` asks a schema registry for ids instead, where there is one.
4. `codec` turns messages into framed bytes (`wire`) and back, the common case by functions made for it (`compiled`).
5. `cloudevents` holds the attributes of business events and their record headers, `cloudevents_http` reads requests.
6. `business` gives each event its topic and value; `jsondata` and `leaves` hold its data strictly to its schema.
7. `ids` derives the ids of instances and steps, `problems` names the types of errors.

Nothing here knows any other package of the project.
"""
