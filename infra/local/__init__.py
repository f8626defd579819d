"""The embedded infrastructure: a real Kafka broker and a real schema registry as child processes, kept running.

In the order in which they are used:
`artifacts` `download` `archive`      the servers' files: pinned, verified, cached
`leash` `process`                     a child that cannot outlive its parent
`ports` `java` `class_archive`        where it listens, and how Java starts quickly
`server` `kafka` `registry`           the two servers
`datafolder` `child` `console` `supervisor`   one folder, one log stream, everything restarted, everything stopped
"""
