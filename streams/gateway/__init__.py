"""Station 1, the gateway: events come in over HTTP, and what became of them can be asked.

    server ─▶ routes ─▶ events · hooks · instances · definitions · tasks ─▶ Kafka (publish) and the read model
                 └────▶ openapi: the same table, as a document

An event is accepted (202) once Kafka has acknowledged it, and not before. Every refusal is `application/problem+json`
(`problems`).
"""
