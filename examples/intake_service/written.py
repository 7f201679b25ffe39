"""The OpenAPI page as plain HTML, made here: it needs no other host, and no script of anybody runs where keys are."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

STRICT: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1d2733 }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dbe1; font-size: 1.15rem }
h3 { font-size: 1rem; margin-bottom: 0 }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e6eaee }
code, pre { font: 13px/1.45 ui-monospace, monospace }
pre { background: #f4f6f8; padding: .75rem; overflow-x: auto }
.method { background: #24527a; color: #fff; padding: .1rem .4rem; border-radius: .2rem; font-size: .8rem }
"""
_LIMITS: Final = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
}


def written(schema: Mapping[str, Any]) -> str:
    """Write an OpenAPI schema as a page: operations with what they take and answer, then every model."""
    about = schema["info"]
    paths = [(path, how, told) for path, ways in schema["paths"].items() for how, told in ways.items()]
    models = schema.get("components", {}).get("schemas", {})
    parts = [
        f"<h1>{escape(about['title'])} {escape(about['version'])}</h1>",
        *(f"<p>{_marked(text)}</p>" for text in about.get("description", "").split("\n\n")),
        '<p>For programs: <a href="openapi.json">openapi.json</a>.</p>',
        *(_operation(path, how, told) for path, how, told in paths),
        "<h2>Models</h2>",
        *(_model(name, told) for name, told in models.items()),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(about["title"])}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n</head>\n<body>\n'
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _operation(path: str, how: str, told: Mapping[str, Any]) -> str:
    takes = _kind_in(told.get("requestBody", {}).get("content", {}))
    key = ", with a key in <code>x-api-key</code>" if told.get("security") else ""
    answers = "".join(
        f"<tr><td>{escape(str(status))}</td><td>{escape(answer.get('description', ''))}</td>"
        f"<td>{_kind_in(answer.get('content', {}))}</td></tr>"
        for status, answer in told["responses"].items()
    )
    return (
        f'<h2><span class="method">{escape(how.upper())}</span> <code>{escape(path)}</code></h2>\n'
        f"<p>{escape(told.get('summary', ''))}{key}.{f' Takes {takes}.' if takes else ''}</p>\n"
        f"<table><tr><th>status</th><th>means</th><th>answers with</th></tr>{answers}</table>"
    )


def _kind_in(content: Mapping[str, Any]) -> str:
    return ", ".join(_kind(each.get("schema", {})) or f"<code>{escape(name)}</code>" for name, each in content.items())


def _model(name: str, told: Mapping[str, Any]) -> str:
    needed = set(told.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code>{' (needed)' if field in needed else ''}</td>"
        f"<td>{_kind(about)}</td><td>{_marked(_said(about))}</td></tr>"
        for field, about in told.get("properties", {}).items()
    )
    table = f"<table><tr><th>member</th><th>is</th><th></th></tr>{rows}</table>" if rows else f"<p>{_kind(told)}</p>"
    shown = "".join(
        f"<pre>{escape(json.dumps(one, indent=2, ensure_ascii=False))}</pre>" for one in told.get("examples", ())
    )
    text = _marked(told.get("description", ""))
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>\n<p>{text}</p>\n{table}{shown}'


def _kind(about: Mapping[str, Any]) -> str:
    """Say what a value is; models are linked."""
    if "$ref" in about:
        name = escape(about["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in about:
            return " or ".join(dict.fromkeys(map(_kind, about[several])))
    if "const" in about or "enum" in about:
        return ", ".join(f"<code>{escape(json.dumps(v))}</code>" for v in about.get("enum", [about.get("const")]))
    kind = about.get("type", "")
    if kind == "array":
        return f"list of {_kind(about.get('items', {})) or 'anything'}"
    return escape(str(about.get("format", kind)))


def _said(about: Mapping[str, Any]) -> str:
    """Say what a member means, and its limits."""
    found = [about["description"]] if "description" in about else []
    for one in (about, *about.get("anyOf", ())):
        found += [text.format(one[limit]) for limit, text in _LIMITS.items() if limit in one]
    return "; ".join(dict.fromkeys(found))


def _marked(text: str) -> str:
    """Escape a text whose code stands between backticks."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))
