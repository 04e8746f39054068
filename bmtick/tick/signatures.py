"""The table of Kapacitor's nodes, properties, handlers, lambda operators and functions.

Names and arguments come from the fields and methods of Kapacitor's ``pipeline`` package (1.5.7,
1.6.5; 1.7 and 1.8 equal 1.6.5) and the signatures of ``tick/stateful``. The table is Python
because compiled Python loads much faster than a data file.

A signature is a list of types separated by commas. ``string...`` means any number, ``int|duration``
means either, and empty text means no argument. ``since`` is the first release with the name if it
is later than 1.5.0; ``undocumented`` lists fields that a script can also set.

To add a node, add an entry here and its effect on the data in ``flow.py``.
"""

from __future__ import annotations

from typing import Any, Final

_INFLUXQL: Final[dict[str, Any]] = {
    "properties": {
        "as": "string",
        "usePointTimes": "",
    },
    "undocumented": {
        "field": "string",
        "method": "string",
    },
}
NODES: Final[dict[str, dict[str, Any]]] = {
    # Sources of data: stream and batch tasks.
    "stream": {
        "summary": "all data of the task's databases, as it arrives",
        "provides": "stream",
        "only": ("from",),
    },
    "from": {
        "summary": "selects a measurement of the stream",
        "args": "",
        "after": ("stream", "from"),
        "wants": "stream",
        "provides": "stream",
        "properties": {
            "database": "string",
            "groupBy": "any...",
            "groupByMeasurement": "",
            "measurement": "string",
            "retentionPolicy": "string",
            "round": "duration",
            "truncate": "duration",
            "where": "lambda",
        },
    },
    "batch": {
        "summary": "queries InfluxDB on a schedule",
        "provides": "batch",
        "only": ("query", "queryFlux"),
    },
    "query": {
        "summary": "an InfluxQL query on a schedule",
        "args": "string",
        "after": ("batch",),
        "provides": "batch",
        "properties": {
            "align": "",
            "alignGroup": "",
            "cluster": "string",
            "cron": "string",
            "every": "duration",
            "fill": "any",
            "groupBy": "any...",
            "groupByMeasurement": "",
            "offset": "duration",
            "period": "duration",
        },
        "undocumented": {
            "queryStr": "string",
        },
    },
    "queryFlux": {
        "summary": "a Flux query on a schedule",
        "args": "string",
        "since": "1.6.0",
        "after": ("batch",),
        "provides": "batch",
        "properties": {
            "align": ("", "1.6.0"),
            "cluster": ("string", "1.6.0"),
            "cron": ("string", "1.6.0"),
            "every": ("duration", "1.6.0"),
            "offset": ("duration", "1.6.0"),
            "org": ("string", "1.6.0"),
            "orgID": ("string", "1.6.0"),
            "period": ("duration", "1.6.0"),
        },
        "undocumented": {
            "queryStr": ("string", "1.6.0"),
        },
    },
    "stats": {
        "summary": "the statistics of a node, on a timer",
        "args": "duration",
        "provides": "stream",
        "properties": {
            "align": "",
        },
        "undocumented": {
            "interval": "duration",
        },
    },
    # Nodes that buffer, sample or pace data.
    "window": {
        "summary": "gathers points of a stream into batches",
        "args": "",
        "wants": "stream",
        "provides": "batch",
        "properties": {
            "align": "",
            "every": "duration",
            "everyCount": "int",
            "fillPeriod": "",
            "period": "duration",
            "periodCount": "int",
        },
    },
    "barrier": {
        "summary": "tells later nodes that time passed, on a timer",
        "args": "",
        "properties": {
            "delete": ("bool", "1.5.2"),
            "idle": "duration",
            "period": "duration",
        },
    },
    "sample": {
        "summary": "lets every n-th point or one per duration pass",
        "args": "int|duration",
        "undocumented": {
            "duration": "duration",
            "n": "int",
        },
    },
    "shift": {
        # A field of the node has the method's name, so Kapacitor refuses the node.
        "summary": "moves data in time",
        "args": "duration",
        "hides": ("shift",),
        "undocumented": {
            "shift": "duration",
        },
    },
    "trickle": {
        "summary": "turns batches back into single points",
        "args": "",
        "since": "1.6.0",
        "wants": "batch",
        "provides": "stream",
    },
    # Nodes that compute, filter or change points.
    "where": {
        "summary": "lets the points pass for which an expression is true",
        "args": "lambda",
        "undocumented": {
            "lambda": "lambda",
        },
    },
    "eval": {
        "summary": "computes fields or tags",
        "args": "lambda...",
        "properties": {
            "as": "string...",
            "keep": "string...",
            "tags": "string...",
        },
    },
    "groupBy": {
        "summary": "divides the data by tags",
        "args": "any...",
        "properties": {
            "byMeasurement": "",
            "exclude": "string...",
        },
    },
    "default": {
        "summary": "fills in missing fields and tags",
        "args": "",
        "properties": {
            "field": "string, any",
            "tag": "string, string",
        },
    },
    "delete": {
        "summary": "removes fields and tags",
        "args": "",
        "properties": {
            "field": "string",
            "tag": "string",
        },
    },
    "derivative": {
        "summary": "the rate of change of a field",
        "args": "string",
        "properties": {
            "as": "string",
            "nonNegative": "",
            "unit": "duration",
        },
        "undocumented": {
            "field": "string",
        },
    },
    "changeDetect": {
        "summary": "lets points pass whose fields changed",
        "args": "string...",
    },
    "stateDuration": {
        "summary": "how long an expression has been true",
        "args": "lambda",
        "properties": {
            "as": "string",
            "unit": "duration",
        },
        "undocumented": {
            "lambda": "lambda",
        },
    },
    "stateCount": {
        "summary": "for how many points an expression has been true",
        "args": "lambda",
        "properties": {
            "as": "string",
        },
        "undocumented": {
            "lambda": "lambda",
        },
    },
    "sideload": {
        "summary": "adds fields and tags from files",
        "args": "",
        "properties": {
            "field": "string, any",
            "order": "string...",
            "source": "string",
            "tag": "string, string",
        },
    },
    # Nodes that combine several series.
    "join": {
        "summary": "joins nodes on equal times and groups",
        "args": "node...",
        "properties": {
            "as": "string...",
            "deleteAll": ("bool", "1.6.0"),
            "delimiter": "string",
            "fill": "any",
            "on": "string...",
            "streamName": "string",
            "tolerance": "duration",
        },
    },
    "union": {
        "summary": "puts the data of several nodes into one",
        "args": "node...",
        "properties": {
            "rename": "string",
        },
    },
    "combine": {
        # A field of the node has the method's name, so Kapacitor refuses the node.
        "summary": "pairs the points of one node",
        "args": "lambda...",
        "provides": "stream",
        "hides": ("max",),
        "properties": {
            "as": "string...",
            "delimiter": "string",
            "max": "int",
            "tolerance": "duration",
        },
    },
    "flatten": {
        "summary": "makes one point of points with equal times",
        "args": "",
        "properties": {
            "delimiter": "string",
            "dropOriginalFieldName": "bool...",
            "on": "string...",
            "tolerance": "duration",
        },
    },
    # InfluxQL functions over a batch; they share one set of properties.
    "count": {
        **_INFLUXQL,
        "summary": "number of values",
        "args": "string",
        "provides": "stream",
    },
    "distinct": {
        **_INFLUXQL,
        "summary": "distinct values",
        "args": "string",
        "provides": "batch",
    },
    "mean": {
        **_INFLUXQL,
        "summary": "average",
        "args": "string",
        "provides": "stream",
    },
    "median": {
        **_INFLUXQL,
        "summary": "median",
        "args": "string",
        "provides": "stream",
    },
    "mode": {
        **_INFLUXQL,
        "summary": "most frequent value",
        "args": "string",
        "provides": "stream",
    },
    "spread": {
        **_INFLUXQL,
        "summary": "largest minus smallest value",
        "args": "string",
        "provides": "stream",
    },
    "sum": {
        **_INFLUXQL,
        "summary": "sum",
        "args": "string",
        "provides": "stream",
    },
    "first": {
        **_INFLUXQL,
        "summary": "first value",
        "args": "string",
        "provides": "stream",
    },
    "last": {
        **_INFLUXQL,
        "summary": "last value",
        "args": "string",
        "provides": "stream",
    },
    "min": {
        **_INFLUXQL,
        "summary": "smallest value",
        "args": "string",
        "provides": "stream",
    },
    "max": {
        **_INFLUXQL,
        "summary": "largest value",
        "args": "string",
        "provides": "stream",
    },
    "percentile": {
        **_INFLUXQL,
        "summary": "percentile",
        "args": "string, float",
        "provides": "stream",
    },
    "top": {
        **_INFLUXQL,
        "summary": "largest points",
        "args": "int, string, string...",
        "provides": "batch",
    },
    "bottom": {
        **_INFLUXQL,
        "summary": "smallest points",
        "args": "int, string, string...",
        "provides": "batch",
    },
    "stddev": {
        **_INFLUXQL,
        "summary": "standard deviation",
        "args": "string",
        "provides": "stream",
    },
    "elapsed": {
        **_INFLUXQL,
        "summary": "time between points",
        "args": "string, duration",
    },
    "difference": {
        **_INFLUXQL,
        "summary": "difference of neighbours",
        "args": "string",
    },
    "movingAverage": {
        **_INFLUXQL,
        "summary": "moving average",
        "args": "string, int",
    },
    "holtWinters": {
        **_INFLUXQL,
        "summary": "forecast",
        "args": "string, int, int, duration",
        "provides": "batch",
    },
    "holtWintersWithFit": {
        **_INFLUXQL,
        "summary": "forecast with the fitted data",
        "args": "string, int, int, duration",
        "provides": "batch",
    },
    "cumulativeSum": {
        **_INFLUXQL,
        "summary": "running sum",
        "args": "string",
    },
    # The alert node without its handlers, which are in handlers.toml.
    "alert": {
        "summary": "compares data to levels and tells handlers",
        "args": "",
        "properties": {
            "all": "",
            "category": "string",
            "crit": "lambda",
            "critReset": "lambda",
            "details": "string",
            "durationField": "string",
            "flapping": "float, float",
            "history": "int",
            "id": "string",
            "idField": "string",
            "idTag": "string",
            "info": "lambda",
            "infoReset": "lambda",
            "inhibit": "string, string...",
            "levelField": "string",
            "levelTag": "string",
            "message": "string",
            "messageField": "string",
            "noRecoveries": "",
            "stateChangesOnly": "duration...",
            "topic": "string",
            "warn": "lambda",
            "warnReset": "lambda",
        },
        "undocumented": {
            "flapHigh": "float",
            "flapLow": "float",
            "stateChangesOnlyDuration": "duration",
        },
    },
    "deadman": {
        "summary": "an alert on too few points",
        "args": "float, duration, lambda...",
        "provides": "stream",
        "properties_of": "alert",
    },
    # Nodes that send data elsewhere.
    "httpOut": {
        "summary": "shows the last data under the task's address",
        "args": "string",
        "undocumented": {
            "endpoint": "string",
        },
    },
    "httpPost": {
        "summary": "posts data to an address",
        "args": "string...",
        "properties": {
            "captureResponse": "",
            "codeField": "string",
            "endpoint": "string",
            "header": "string, string",
            "timeout": "duration",
        },
    },
    "influxDBOut": {
        "summary": "writes data to InfluxDB",
        "args": "",
        "sink": True,
        "properties": {
            "buffer": "int",
            "cluster": "string",
            "create": "",
            "database": "string",
            "flushInterval": "duration",
            "measurement": "string",
            "precision": "string",
            "retentionPolicy": "string",
            "tag": "string, string",
            "writeConsistency": "string",
        },
    },
    "kapacitorLoopback": {
        "summary": "feeds data back into Kapacitor",
        "args": "",
        "sink": True,
        "properties": {
            "database": "string",
            "measurement": "string",
            "retentionPolicy": "string",
            "tag": "string, string",
        },
    },
    "log": {
        "summary": "writes data to Kapacitor's log",
        "args": "",
        "properties": {
            "level": "string",
            "prefix": "string",
        },
    },
    # Nodes that scale clusters.
    "k8sAutoscale": {
        # A field of the node has the method's name, so Kapacitor refuses the node.
        "summary": "scales Kubernetes",
        "args": "",
        "provides": "stream",
        "hides": ("max", "min"),
        "properties": {
            "cluster": "string",
            "currentField": "string",
            "decreaseCooldown": "duration",
            "increaseCooldown": "duration",
            "kind": "string",
            "kindTag": "string",
            "max": "int",
            "min": "int",
            "namespace": "string",
            "namespaceTag": "string",
            "replicas": "lambda",
            "resourceName": "string",
            "resourceNameTag": "string",
            "resourceTag": "string",
        },
    },
    "swarmAutoscale": {
        # A field of the node has the method's name, so Kapacitor refuses the node.
        "summary": "scales Docker Swarm",
        "args": "",
        "provides": "stream",
        "hides": ("max", "min"),
        "properties": {
            "cluster": "string",
            "currentField": "string",
            "decreaseCooldown": "duration",
            "increaseCooldown": "duration",
            "max": "int",
            "min": "int",
            "outputServiceNameTag": "string",
            "replicas": "lambda",
            "serviceName": "string",
            "serviceNameTag": "string",
        },
    },
    "ec2Autoscale": {
        # A field of the node has the method's name, so Kapacitor refuses the node.
        "summary": "scales EC2 groups",
        "args": "",
        "provides": "stream",
        "hides": ("max", "min"),
        "properties": {
            "cluster": "string",
            "currentField": "string",
            "decreaseCooldown": "duration",
            "groupName": "string",
            "groupNameTag": "string",
            "increaseCooldown": "duration",
            "max": "int",
            "min": "int",
            "outputGroupNameTag": "string",
            "replicas": "lambda",
        },
    },
}
"""Nodes: ``wants`` and ``provides`` are edges (``stream``, ``batch``), ``after`` what it may follow, ``only``
what may follow it; ``sink`` passes nothing on; ``hides`` are nodes that Kapacitor cannot find after it."""
HANDLERS: Final[dict[str, dict[str, Any]]] = {
    "alerta": {
        "args": "",
        "properties": {
            "attribute": ("string, any", "1.6.3"),
            "correlated": ("string...", "1.5.8"),
            "environment": "string",
            "event": "string",
            "group": "string",
            "origin": "string",
            "resource": "string",
            "services": "string...",
            "timeout": "duration",
            "token": "string",
            "value": "string",
        },
    },
    "bigPanda": {
        "args": "",
        "since": "1.5.8",
        "properties": {
            "appKey": ("string", "1.5.8"),
            "attribute": ("string, any", "1.6.3"),
            "host": ("string", "1.6.3"),
            "primaryProperty": ("string", "1.5.8"),
            "secondaryProperty": ("string", "1.5.8"),
        },
    },
    "discord": {
        "args": "",
        "since": "1.5.6",
        "properties": {
            "avatarURL": ("string", "1.5.6"),
            "embedTitle": ("string", "1.5.6"),
            "username": ("string", "1.5.6"),
            "workspace": ("string", "1.5.6"),
        },
    },
    "email": {
        "args": "string...",
        "properties": {
            "to": "string...",
            "toTemplates": ("string...", "1.6.3"),
        },
    },
    "exec": {
        "args": "string, string...",
    },
    "hipChat": {
        "args": "",
        "properties": {
            "room": "string",
            "token": "string",
        },
    },
    "kafka": {
        "args": "",
        "properties": {
            "cluster": "string",
            "disablePartitionById": ("", "1.6.0"),
            "kafkaTopic": "string",
            "partitionHashAlgorithm": ("string", "1.6.0"),
            "template": "string",
        },
    },
    "log": {
        "args": "string",
        "properties": {
            "mode": "int",
        },
        "undocumented": {
            "filePath": "string",
        },
    },
    "mqtt": {
        "args": "string",
        "properties": {
            "brokerName": "string",
            "qos": "int",
            "retained": "bool",
            "topic": "string",
        },
    },
    "opsGenie": {
        "args": "",
        "properties": {
            "recipients": "string...",
            "teams": "string...",
        },
    },
    "opsGenie2": {
        "args": "",
        "properties": {
            "details": ("", "1.5.8"),
            "recipients": "string...",
            "recoveryAction": ("string", "1.5.7"),
            "teams": "string...",
        },
    },
    "pagerDuty": {
        "args": "",
        "properties": {
            "serviceKey": "string",
        },
    },
    "pagerDuty2": {
        "args": "",
        "properties": {
            "link": ("string, string...", "1.5.2"),
            "routingKey": ("string", "1.5.1"),
            "serviceKey": "string",
        },
    },
    "post": {
        "args": "string...",
        "properties": {
            "captureResponse": "",
            "endpoint": "string",
            "header": "string, string",
            "skipSSLVerification": ("", "1.5.3"),
            "timeout": "duration",
            "uRL": "string",
        },
    },
    "pushover": {
        "args": "",
        "properties": {
            "device": "string",
            "sound": "string",
            "title": "string",
            "uRL": "string",
            "uRLTitle": "string",
            "userKey": "string",
        },
    },
    "sensu": {
        "args": "",
        "properties": {
            "handlers": "string...",
            "metadata": ("string, any", "1.5.2"),
            "source": "string",
        },
    },
    "serviceNow": {
        "args": "",
        "since": "1.5.7",
        "properties": {
            "additionalInfo": ("string, any", "1.5.8"),
            "messageKey": ("string", "1.5.7"),
            "metricName": ("string", "1.5.7"),
            "node": ("string", "1.5.7"),
            "password": ("string", "1.5.7"),
            "resource": ("string", "1.5.7"),
            "source": ("string", "1.5.7"),
            "type": ("string", "1.5.7"),
            "uRL": ("string", "1.5.7"),
            "username": ("string", "1.5.7"),
        },
    },
    "slack": {
        "args": "",
        "properties": {
            "channel": "string",
            "iconEmoji": "string",
            "username": "string",
            "workspace": "string",
        },
    },
    "snmpTrap": {
        "args": "string",
        "properties": {
            "data": "string, string, string",
        },
        "undocumented": {
            "trapOid": "string",
        },
    },
    "talk": {
        "args": "",
    },
    "tcp": {
        "args": "string",
        "undocumented": {
            "address": "string",
        },
    },
    "teams": {
        "args": "",
        "since": "1.5.6",
        "properties": {
            "channelURL": ("string", "1.5.6"),
        },
    },
    "telegram": {
        "args": "",
        "properties": {
            "chatId": "string",
            "disableNotification": "",
            "disableWebPagePreview": "",
            "parseMode": "string",
        },
    },
    "victorOps": {
        "args": "",
        "properties": {
            "routingKey": "string",
        },
    },
    "zenoss": {
        "args": "",
        "since": "1.6.0",
        "properties": {
            "action": ("string", "1.6.0"),
            "collector": ("string", "1.6.0"),
            "component": ("string", "1.6.0"),
            "customField": ("string, any", "1.6.0"),
            "device": ("string", "1.6.0"),
            "eventClass": ("string", "1.6.0"),
            "eventClassKey": ("string", "1.6.0"),
            "message": ("string", "1.6.0"),
            "method": ("string", "1.6.0"),
            "password": ("string", "1.6.0"),
            "summary": ("string", "1.6.0"),
            "tid": ("int", "1.6.0"),
            "type": ("string", "1.6.0"),
            "uRL": ("string", "1.6.0"),
            "username": ("string", "1.6.0"),
        },
    },
}
"""Handlers of ``|alert()``. A handler's properties follow it; after them the alert's own may go on, but
some have other names or meanings on a handler."""
OPERATORS: Final[dict[str, tuple[str, ...]]] = {
    "OR": ("bool bool -> bool",),
    "AND": ("bool bool -> bool",),
    "==": (
        "bool bool -> bool",
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    "!=": (
        "bool bool -> bool",
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    "=~": ("string regex -> bool",),
    "!~": ("string regex -> bool",),
    "<": (
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    "<=": (
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    ">": (
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    ">=": (
        "duration duration -> bool",
        "float float -> bool",
        "float int -> bool",
        "int float -> bool",
        "int int -> bool",
        "string string -> bool",
    ),
    "+": (
        "duration duration -> duration",
        "float float -> float",
        "int int -> int",
        "string string -> string",
    ),
    "-": ("duration duration -> duration", "float float -> float", "int int -> int"),
    "*": (
        "duration float -> duration",
        "duration int -> duration",
        "float duration -> duration",
        "float float -> float",
        "int duration -> duration",
        "int int -> int",
    ),
    "/": (
        "duration duration -> int",
        "duration float -> duration",
        "duration int -> duration",
        "float float -> float",
        "int int -> int",
    ),
    "%": ("int int -> int",),
}
FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "abs": ("float -> float",),
    "acos": ("float -> float",),
    "acosh": ("float -> float",),
    "asin": ("float -> float",),
    "asinh": ("float -> float",),
    "atan": ("float -> float",),
    "atan2": ("float, float -> float",),
    "atanh": ("float -> float",),
    "bool": ("bool -> bool", "float -> bool", "int -> bool", "string -> bool"),
    "cbrt": ("float -> float",),
    "ceil": ("float -> float",),
    "cos": ("float -> float",),
    "cosh": ("float -> float",),
    "count": ("-> int",),
    "day": ("time -> int",),
    "duration": (
        "duration -> duration",
        "float, duration -> duration",
        "int, duration -> duration",
        "string, duration -> duration",
    ),
    "erf": ("float -> float",),
    "erfc": ("float -> float",),
    "exp": ("float -> float",),
    "exp2": ("float -> float",),
    "expm1": ("float -> float",),
    "float": ("bool -> float", "float -> float", "int -> float", "string -> float"),
    "floor": ("float -> float",),
    "gamma": ("float -> float",),
    "hour": ("time -> int",),
    "humanBytes": ("float -> string", "int -> string"),
    "hypot": ("float, float -> float",),
    "if": (
        "bool, bool, bool -> bool",
        "bool, duration, duration -> duration",
        "bool, float, float -> float",
        "bool, int, int -> int",
        "bool, regex, regex -> regex",
        "bool, string, string -> string",
        "bool, time, time -> time",
    ),
    "int": ("bool -> int", "float -> int", "int -> int", "string -> int"),
    "isPresent": (
        "bool -> bool",
        "float -> bool",
        "int -> bool",
        "missing -> bool",
        "string -> bool",
    ),
    "j0": ("float -> float",),
    "j1": ("float -> float",),
    "jn": ("int, float -> float",),
    "log": ("float -> float",),
    "log10": ("float -> float",),
    "log1p": ("float -> float",),
    "log2": ("float -> float",),
    "logb": ("float -> float",),
    "max": ("float, float -> float",),
    "min": ("float, float -> float",),
    "minute": ("time -> int",),
    "mod": ("float, float -> float",),
    "month": ("time -> int",),
    "now": ("-> time",),
    "pow": ("float, float -> float",),
    "pow10": ("int -> float",),
    "regexReplace": ("regex, string, string -> string",),
    "sigma": ("float -> float",),
    "sin": ("float -> float",),
    "sinh": ("float -> float",),
    "spread": ("float -> float",),
    "sqrt": ("float -> float",),
    "strContains": ("string, string -> bool",),
    "strContainsAny": ("string, string -> bool",),
    "strCount": ("string, string -> int",),
    "strHasPrefix": ("string, string -> bool",),
    "strHasSuffix": ("string, string -> bool",),
    "strIndex": ("string, string -> int",),
    "strIndexAny": ("string, string -> int",),
    "strLastIndex": ("string, string -> int",),
    "strLastIndexAny": ("string, string -> int",),
    "strLength": ("string -> int",),
    "strReplace": ("string, string, string, int -> string",),
    "strSubstring": ("string, int, int -> string",),
    "strToLower": ("string -> string",),
    "strToUpper": ("string -> string",),
    "strTrim": ("string, string -> string",),
    "strTrimLeft": ("string, string -> string",),
    "strTrimPrefix": ("string, string -> string",),
    "strTrimRight": ("string, string -> string",),
    "strTrimSpace": ("string -> string",),
    "strTrimSuffix": ("string, string -> string",),
    "string": (
        "bool -> string",
        "duration -> string",
        "float -> string",
        "int -> string",
        "string -> string",
    ),
    "tan": ("float -> float",),
    "tanh": ("float -> float",),
    "trunc": ("float -> float",),
    "unixNano": ("time -> int",),
    "weekday": ("time -> int",),
    "y0": ("float -> float",),
    "y1": ("float -> float",),
    "year": ("time -> int",),
    "yn": ("int, float -> float",),
    "rand": ("-> int", "int -> int"),
}
FUNCTIONS_SINCE: Final[dict[str, str]] = {"rand": "1.6.5"}
