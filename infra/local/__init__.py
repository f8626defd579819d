"""The embedded infrastructure: a real Kafka broker and a real schema registry as child processes.

In the order in which they are used: `artifacts` (fetch and verify the servers' files), `child` (a process that dies
with its parent), `ports`, `server` (what both servers have in common), `kafka`, `registry`, `supervisor`.
"""
