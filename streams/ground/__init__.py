"""What every process stands on: settings, errors, logs, metrics, Kafka clients, topics, publishing, status pages.

Knows no processor, no workflow and no language; everything above may use it.
"""
