"""``|httpPost``: posts each point or batch to an address. Source: kapacitor ``http_post.go``."""

from __future__ import annotations

from bmtick.engine import gojson
from bmtick.engine.arguments import appended, entry, flag, table, value
from bmtick.engine.events import Posted
from bmtick.engine.gotemplate import Template, TemplateError
from bmtick.engine.gotemplate.values import StringMap, Struct
from bmtick.engine.messages import Batch, BatchPoint, Point
from bmtick.engine.node import DefinitionError, StatelessNode
from bmtick.engine.registry import register
from bmtick.engine.rows import to_row


@register
class HTTPPostNode(StatelessNode):
    """Collects requests; the caller of the task decides whether to send them."""

    chain = "httpPost"
    desc = "http_post"
    properties = table(
        {
            "endpoint": appended("endpoints"),
            "header": entry("headers"),
            "codeField": value("code_field"),
            "captureResponse": flag("capture_response"),
            "timeout": value("timeout"),
        }
    )

    def define(self, *urls: str) -> None:
        """Set Kapacitor's defaults."""
        self.urls = urls
        self.endpoints: list[str] = []
        self.headers: dict[str, str] = {}
        self.code_field = ""
        self.capture_response = False
        self.timeout = 0

    def validate(self) -> None:
        """Check the address."""
        if len(self.urls) > 1:
            raise DefinitionError(f"httpPost expects 0 or 1 arguments, got {len(self.urls)}")
        if len(self.endpoints) > 1:
            raise DefinitionError(f"httpPost expects 0 or 1 endpoints, got {len(self.endpoints)}")
        if not self.urls and not self.endpoints:
            raise DefinitionError("must provide url or endpoint")
        if self.urls and self.endpoints:
            raise DefinitionError("only one endpoint and url may be specified")
        if any(name.upper() == "AUTHENTICATE" for name in self.headers):
            raise DefinitionError("cannot set 'authenticate' header")

    def start(self) -> None:
        """Compile the template of the address."""
        place = self.location
        self._url = Template(
            self.urls[0] if self.urls else "",
            file=place.file if place else "-",
            line=place.line if place else 0,
        )

    def point(self, point: Point) -> None:
        """Post and forward a point."""
        code = self._post(point)
        if self.code_field:
            point = point.copy()
            point.fields = {**point.fields, self.code_field: code}
        self.forward(point)

    def batch(self, batch: Batch) -> None:
        """Post and forward a batch."""
        code = self._post(batch)
        if self.code_field:
            batch = batch.copy(
                [
                    BatchPoint({**p.fields, self.code_field: code}, p.tags, p.time)
                    for p in batch.points
                ]
            )
        self.forward(batch)

    def _post(self, message: Point | Batch) -> int:
        """Return the HTTP status; 0 if nothing was sent, as in Kapacitor."""
        row = to_row(message)
        columns = row.get("columns", [])
        values = [dict(zip(columns, line, strict=True)) for line in row.get("values", [])]
        data = Struct(
            "kapacitor.mappedRow",
            {"Name": row.get("name", ""), "Tags": StringMap(row.get("tags", {})), "Values": values},
        )
        try:
            body = gojson.dumps({"series": [row]}) + "\n"
            url = self._url.execute(data)
        except (gojson.UnsupportedValueError, TemplateError) as error:
            self.report("failed to POST data", error)
            return 0
        endpoint = self.endpoints[0] if self.endpoints else ""
        headers = {"Content-Type": "application/json", **self.headers}
        posted = Posted(url, endpoint, headers, body, self.timeout)
        self.pipeline.events.posted.append(posted)
        send = self.pipeline.post
        if send is None:
            if self.code_field:
                self.report("nothing was sent, the answer is taken for", 200)
            return 200
        code, problem = send(posted)
        if code // 100 != 2:
            if not self.capture_response and code:
                problem = "unknown error, use .captureResponse() to capture the HTTP response"
            reason = "POST returned non 2xx status code" if code else "failed to POST data"
            self.report(reason, problem)
        return code
