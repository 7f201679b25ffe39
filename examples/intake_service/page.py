"""The OpenAPI page, health and metrics: what needs no speed.

FastAPI declares every operation, with models and examples, and answers whatever the operations do not.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

import cardrisk

from . import models, operations, views
from .operations import Operation
from .worker import Worker
from .written import STRICT, written

_REF: Final = "#/components/schemas/{model}"
_OPERATIONS: Final[tuple[tuple[str, operations.Act, type[BaseModel], Any, str], ...]] = (
    ("score", operations.score, models.Card, models.Reviewed | models.Told, "Score one card"),
    ("scores", operations.scores, models.Cards, models.Scores, "Score cards handed in together"),
    ("answers", operations.answers, models.Answers, models.Taken, "Take answers in"),
    ("check", operations.check, models.Codes, models.Checked, "Ask what to look at again"),
    ("forget", operations.forget, models.Person, models.Forgotten, "Remove a person's history"),
)
_ERRORS: Final = {
    400: "not one JSON object",
    401: "unknown key",
    403: "the key's scope does not open this",
    408: "the body came too slowly",
    413: "the body is too large",
    415: "not declared as JSON",
    422: "JSON that cannot be used",
    429: "the caller's limit is used up",
    503: "the store is down, or the worker is full",
}
_ABOUT: Final = """Cards in, decisions out. A `submission_id` handed in again gets the answer it got and counts once.

A card that could not be scored (store down, no model) is answered with status 200, decision `hold` and `degraded`:
never accepted, not history; hand it in again. Keys go into the header `x-api-key`."""


class _Handed(Response):
    """Lets an operation answer."""

    def __init__(self, operation: Operation) -> None:
        super().__init__()
        self._operation = operation

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._operation(scope, receive, send)


def operations_of(worker: Worker) -> dict[str, Operation]:
    """Make the operations of a worker, by path."""
    settings = worker.settings
    single = {"score", "check", "forget"}
    return {
        f"/{name}": Operation(worker, name, act, settings.card_bytes if name in single else settings.body_bytes)
        for name, act, *_ in _OPERATIONS
    }


def page(worker: Worker, by_path: Mapping[str, Operation]) -> FastAPI:
    """Make the application around the operations."""
    about = {"title": "cardrisk intake", "version": cardrisk.__version__, "description": _ABOUT}
    app = FastAPI(**about, docs_url=None, redoc_url=None)
    for name, _, given, gives, summary in _OPERATIONS:
        _declare(app, name, by_path[f"/{name}"], given, gives, summary)
    _health(app, worker)

    @app.exception_handler(HTTPException)
    @app.exception_handler(RequestValidationError)
    async def refused(_: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 422
        codes = {404: ("no_such_path", "expected a path of /docs"), 405: ("wrong_method", "expected another method")}
        code, message = codes.get(status, ("refused", "the request cannot be used"))
        told = views.error(code, message, worker.request_id(), worker.model_version)
        headers = getattr(error, "headers", None)
        return JSONResponse(told, status, headers)

    made = app.openapi

    def openapi() -> dict[str, Any]:
        schema = made()
        _, more = models_json_schema([(row[2], "validation") for row in _OPERATIONS], ref_template=_REF)
        schema["components"]["schemas"] |= more["$defs"]
        schema["components"]["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
        return schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(written(app.openapi()), headers=STRICT)

    return app


def _declare(app: FastAPI, name: str, operation: Operation, given: type[BaseModel], gives: Any, summary: str) -> None:
    async def handed(request: Request) -> Response:
        return _Handed(operation)

    content = {"application/json": {"schema": {"$ref": _REF.format(model=given.__name__)}}}
    app.add_api_route(
        f"/{name}",
        handed,
        methods=["POST"],
        operation_id=name,
        summary=summary,
        response_model=None,
        responses={
            200: {"model": gives, "description": "the answer"},
            **{status: {"model": models.Error, "description": said} for status, said in _ERRORS.items()},
        },
        openapi_extra={"requestBody": {"required": True, "content": content}, "security": [{"key": []}]},
    )


def _health(app: FastAPI, worker: Worker) -> None:
    def told() -> dict[str, Any]:
        return {
            "live": True,
            "ready": worker.degraded is None,
            "degraded": worker.degraded,
            "workers": worker.count.counters.sums()[1],
            "model_version": worker.model_version,
            "version": cardrisk.__version__,
        }

    down: Any = {503: {"model": models.Health, "description": "cards are held"}}

    @app.get("/health", response_model=models.Health, responses=down, summary="Whether cards are scored")
    async def health() -> JSONResponse:
        return JSONResponse(told(), 200 if worker.degraded is None else 503)

    @app.get("/health/live", response_model=models.Health, summary="Whether the worker answers at all")
    async def live() -> JSONResponse:
        return JSONResponse(told())

    @app.get("/metrics", response_class=PlainTextResponse, summary="Counters of all workers, for Prometheus")
    async def metrics() -> PlainTextResponse:
        text = worker.count.text(cardrisk.__version__, worker.model_version, worker.degraded is None)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
