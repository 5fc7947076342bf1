"""The bytes of a request and of an answer, within bounds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from google.protobuf import any_pb2, json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from windsock.exporter.web.bodies import JSON, RequestError, unpacked

from .outcomes import REFUSALS

if TYPE_CHECKING:
    from collections.abc import Mapping

PROTOBUF = "application/x-protobuf"
SETTING = "exporter.otlp.max_body"
_JSON_COSTS = 8
"""Python's objects take so much more memory than the bytes of a protobuf: JSON may be so much shorter."""
_LEAST = 16
"""Bytes of a body for each message in it: a point has 40 at the least, a bomb two."""
_BAD = (DecodeError, json_format.ParseError, ValueError, TypeError, AttributeError, RecursionError, SystemError)
"""What the parsers raise of a bad message; SystemError is protobuf's own of half a character in JSON (7.36)."""
_INVALID_ARGUMENT, _UNAVAILABLE = 3, 14
"""google.rpc.Code"""


def read(body: bytes, content: str, encoding: str, most: int) -> ExportMetricsServiceRequest:
    """Unpack a request. Raises RequestError."""
    if content == JSON:
        most //= _JSON_COSTS
    body = unpacked(body, encoding, most, SETTING)
    request = ExportMetricsServiceRequest()
    try:
        if content == JSON:
            json_format.ParseDict(json.loads(body), request, ignore_unknown_fields=True)
        elif content == PROTOBUF:
            request.ParseFromString(body)
        else:
            raise RequestError(415, f"expected the Content-Type {PROTOBUF} or {JSON}")
    except _BAD as error:
        raise RequestError(400, f"not an ExportMetricsServiceRequest: {type(error).__name__}") from None
    if _is_crowded(request, most // _LEAST):
        raise RequestError(413, "more points than an export of this size can hold")
    return request


def _is_crowded(request: ExportMetricsServiceRequest, most: int) -> bool:
    """Whether a request has more parts than `most`; what is empty takes memory and time, too."""
    left = most - len(request.resource_metrics)
    if left < 0:
        return True
    for part in request.resource_metrics:
        left -= len(part.resource.attributes) + len(part.scope_metrics)
        if left < 0:
            return True
        for scope in part.scope_metrics:
            left -= len(scope.metrics)
            if left < 0:
                return True
            for metric in scope.metrics:
                data = metric.WhichOneof("data")
                if data:
                    left -= len(getattr(metric, data).data_points)
    return left < 0


def answer(outcomes: Mapping[str, int], content: str) -> bytes:
    """What a sender is told of the points that it sent."""
    response = ExportMetricsServiceResponse()
    refused = {outcome: points for outcome, points in sorted(outcomes.items()) if outcome in REFUSALS}
    if refused:
        told = ", ".join(f"{points} {outcome}" for outcome, points in refused.items())
        response.partial_success.rejected_data_points = sum(refused.values())
        response.partial_success.error_message = f"points that were not stored: {told}"
    if content == JSON:
        return str(json_format.MessageToJson(response, indent=None)).encode()
    return bytes(response.SerializeToString())


def failure(text: str, content: str) -> bytes:
    """A google.rpc.Status: whose `code`, field 1, nobody needs beside HTTP's, and `message`, field 2."""
    if content == JSON:
        return json.dumps({"code": _INVALID_ARGUMENT, "message": text}).encode()
    message = text.encode()[:100]
    return bytes((0x08, _INVALID_ARGUMENT, 0x12, len(message))) + message


def try_again(text: str) -> bytes:
    """A google.rpc.Status of gRPC's UNAVAILABLE: its `details`, field 3, are a google.rpc.RetryInfo of two seconds."""
    info = any_pb2.Any(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\x0a\x02\x08\x02")
    detail, told = bytes(info.SerializeToString()), text.encode()[:100]
    return bytes((0x08, _UNAVAILABLE, 0x12, len(told))) + told + bytes((0x1A, len(detail))) + detail
