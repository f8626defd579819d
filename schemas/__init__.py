"""What travels: the Avro schemas of every message, their ids, and the bytes that they become.

The journey through this package, from the file to the wire and back:

1. `avro/*.avsc` is the source of every message; `catalogue` reads it, `messages` names it.
2. `freeze` keeps each released version under `frozen/` with golden bytes, and gives it an id in `ids.json`;
   `released` reads them.
3. `registry` asks a schema registry for ids instead, where there is one.
4. `codec` turns messages into framed bytes and back.
5. `cloudevents` reads business events from HTTP and from record headers; `business` gives each its topic and value.
6. `ids` derives the ids of instances and steps.

Nothing here knows any other package of the project.
"""
