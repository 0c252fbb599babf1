"""Traces: what a request, an operation or a job did, and when, as OpenTelemetry tells it.

Only `app.tracing.otel` speaks OpenTelemetry; it is read when traces are asked for. What stands
around requests, operations, statements, the store and jobs is told by `app.tracing.spans`.
"""
