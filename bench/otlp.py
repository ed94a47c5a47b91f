"""The same requests as OTLP/protobuf spans with the same attributes: what others would send.

Importing it raises ``ImportError`` where ``opentelemetry-proto`` is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from llmmon.protocol.event import REQUEST, SERIES_FIELDS, Kind
from llmmon.protocol.names import REFUSAL, SCORES
from llmmon.protocol.wire import decode_batch, decode_series

PACKAGE: Final = "opentelemetry-proto"

_DIMENSIONS: Final = {
    "operation": "gen_ai.operation.name",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "response_model": "gen_ai.response.model",
    "route": "http.route",
    "prompt_version": "gen_ai.prompt.version",
}
_RESOURCE: Final = {"service": "service.name", "environment": "deployment.environment.name"}
_SPAN_ITSELF: Final = frozenset(
    {"id", "trace_id", "parent_id", "series", "counter", "start_ns", "latency_ms"}
)
"""Fields that are told by a span's own: they need no attribute."""
_NAMES: Final = {
    field.name: field.otel or f"llmmon.{field.name}"
    for field in REQUEST
    if field.name not in _SPAN_ITSELF
} | {name: f"gen_ai.evaluation.{name}" for name in (*SCORES, REFUSAL)}


def spans_of(payload: bytes, events: int) -> bytes:
    """The export request that tells what the batch ``payload`` tells of its requests."""
    batch = decode_batch(payload, events)
    keys = [dict(zip(SERIES_FIELDS, decode_series(key), strict=True)) for key in batch.series]
    export = ExportTraceServiceRequest()
    resource = export.resource_spans.add()
    named = {name: keys[0][field] for field, name in _RESOURCE.items()} | {"host.name": batch.host}
    resource.resource.attributes.extend(_attributes(named))
    scope = resource.scope_spans.add()
    scope.scope.name = "llmmon"
    ids = Random(payload)
    for row in batch.tables[Kind.REQUEST].rows():
        scope.spans.append(_span(ids, row, keys[row["series"]]))
    encoded: bytes = export.SerializeToString()
    return encoded


def read_spans(encoded: bytes) -> list[dict[str, Any]]:
    """Every span's times and attributes: the least that a receiver has to do."""
    export = ExportTraceServiceRequest.FromString(encoded)
    return [
        {"start_ns": span.start_time_unix_nano, "end_ns": span.end_time_unix_nano}
        | {
            item.key: getattr(item.value, item.value.WhichOneof("value"))
            for item in span.attributes
        }
        for resource in export.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _span(ids: Random, row: Mapping[str, Any], key: Mapping[str, str | None]) -> Span:
    start_ns = row["start_ns"]
    dimensions = {name: key[field] for field, name in _DIMENSIONS.items()}
    fields = {name: row.get(field) for field, name in _NAMES.items()}
    return Span(
        trace_id=ids.randbytes(16),
        span_id=ids.randbytes(8),
        name=f"{key['operation']} {key['model']}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + int((row.get("latency_ms") or 0.0) * 1e6),
        attributes=_attributes(dimensions | fields),
        status=Status(code=Status.STATUS_CODE_ERROR) if row.get("error") else None,
    )


def _attributes(values: Mapping[str, Any]) -> Iterator[KeyValue]:
    for name, value in values.items():
        if value is not None:
            yield KeyValue(key=name, value=_any_value(value))


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))
