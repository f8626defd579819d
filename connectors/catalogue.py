"""Every connector there is: the one list. Light: loads no client, so that a linter can ask for what they can do."""

from connectors import amqp, asyncapi, file, http, kafka, mail, sftp, sql, webhook

CONNECTORS = (
    http.DECLARATION, sql.DECLARATION, mail.DECLARATION, file.DECLARATION, webhook.DECLARATION, sftp.DECLARATION,
    kafka.DECLARATION, amqp.DECLARATION, asyncapi.DECLARATION,
)  # fmt: skip

OPERATIONS = tuple(operation for connector in CONNECTORS for operation in connector.operations)
