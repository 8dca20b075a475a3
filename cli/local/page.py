"""The web page of the local run, as a WSGI application: its files, the content of both buckets, and uploads."""

import json
import mimetypes
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unicodedata import category
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError
from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound, ServiceUnavailable
from werkzeug.routing import Map, Rule
from werkzeug.utils import send_from_directory

from chalicelib.access.signatures import Keys, Pairs
from chalicelib.errors import ParameterError, Unavailable
from chalicelib.flows.prerender import may_have_derivatives
from chalicelib.operations import OPERATIONS
from chalicelib.parameters.schema import Operation, Parameter
from chalicelib.presets.configuration import Configuration
from chalicelib.presets.presets import Presets
from chalicelib.storage.derivatives import Derivatives
from chalicelib.storage.manifest import Manifest
from chalicelib.storage.s3 import S3Store
from chalicelib.storage.store import Object
from chalicelib.text import UNWRITABLE
from chalicelib.transformation import Derivative, parse_path
from cli import ROOT
from cli.signing.url import missing_signature

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from mypy_boto3_s3 import S3Client

PLAYGROUND = ROOT / "playground"
UPLOAD_SECONDS = 900
MOST_LISTED = 1000

ROUTES = Map(
    [
        Rule("/", endpoint="index", methods=["GET"]),
        Rule("/-/page/operations", endpoint="operations", methods=["GET"]),
        Rule("/-/page/originals", endpoint="listing", methods=["GET"]),
        Rule("/-/page/original", endpoint="original", methods=["GET"]),
        Rule("/-/page/original", endpoint="removal", methods=["DELETE"]),
        Rule("/-/page/signature", endpoint="signature", methods=["GET"]),
        Rule("/-/page/uploads", endpoint="upload", methods=["POST"]),
        Rule("/-/page/<file>", endpoint="file", methods=["GET"]),
    ],
    merge_slashes=False,
)


def page(
    s3: "S3Client", originals: str, derivatives: str, configuration: Configuration, keys: Callable[[], Keys]
) -> "WSGIApplication":
    """The page on two buckets. `s3` reads them, and signs the URLs for uploads from a browser.

    `keys` sign the URLs of pictures, where presets.yaml requires it.
    """
    playground = Playground(s3, originals, derivatives, configuration, keys)
    policy = content_security_policy(s3.meta.endpoint_url)

    @Request.application
    def respond(request: Request) -> Response:
        response = playground.answer(request)
        response.headers.update({"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"})
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return respond


def content_security_policy(s3_url: str) -> str:
    """Scripts and styles from this server only; pictures also as data and blob URLs, and from S3."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: blob: {s3_url}",
            f"connect-src 'self' {s3_url}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


@dataclass(frozen=True)
class Playground:
    """The page's endpoints: each method with the name of an endpoint in ROUTES answers its requests."""

    s3: "S3Client"
    bucket: str
    derivatives_bucket: str
    configuration: Configuration
    keys: Callable[[], Keys]

    def answer(self, request: Request) -> Response:
        """The response to a request; an error is JSON with one sentence."""
        try:
            endpoint, matched = ROUTES.bind_to_environ(request.environ).match()
            response: Response = getattr(self, endpoint)(request, **matched)
            return response
        except (Unavailable, BotoCoreError, ClientError):
            return sentence(ServiceUnavailable("The embedded S3 does not answer; see the terminal."))
        except HTTPException as refusal:
            return sentence(refusal)

    def index(self, request: Request) -> Response:
        return self.file(request, "index.html")

    def file(self, request: Request, file: str) -> Response:
        kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
        return send_from_directory(PLAYGROUND, file, request.environ, mimetype=kind, max_age=None)

    def operations(self, request: Request) -> Response:
        """Every operation with its parameters, and the names of the presets."""
        described = [describe_operation(operation) for operation in OPERATIONS]
        return as_json({"operations": described, "presets": list(self.configuration.presets.presets)})

    def listing(self, request: Request) -> Response:
        """The newest `count` originals whose key contains `find`."""
        count = request.args.get("count", MOST_LISTED, type=int)
        found = newest(self._originals(), request.args.get("find", ""))
        return as_json({"total": len(found), "originals": found[: max(0, min(count, MOST_LISTED))]})

    def _originals(self) -> Iterable[dict[str, Any]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        for entry in (entry for page in pages for entry in page.get("Contents", ())):
            yield {
                "key": entry["Key"],
                "etag": entry["ETag"].strip('"'),
                "length": entry["Size"],
                "modified": entry["LastModified"].isoformat(),
            }

    def original(self, request: Request) -> Response:
        """One original with its manifest, if it is of the current upload, and its pictures."""
        key = asked_key(request.args)
        found = S3Store(self.s3, self.bucket).head(key)
        if found is None:
            raise NotFound("There is no such original.")
        known = Derivatives(S3Store(self.s3, self.derivatives_bucket), "").manifest(key)
        manifest = known if known and known.etag == found.etag else None
        stored = self._stored(key) if manifest else {}
        made = pictures(key, stored, manifest, self.configuration.presets, self._missing_signature)
        return as_json(describe_original(found, manifest, made))

    def signature(self, request: Request) -> Response:
        """The signature that a query of an original needs."""
        pairs = parse_qsl(request.args.get("query", ""), keep_blank_values=True)
        return as_json({"signature": self._missing_signature(asked_key(request.args), pairs)})

    def _missing_signature(self, key: str, pairs: Pairs) -> str:
        return missing_signature(key, pairs, self.keys(), self.configuration)

    def _stored(self, key: str) -> dict[str, int]:
        """The size in bytes of each derivative, by key."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.derivatives_bucket, Prefix=f"{key}/", Delimiter="/"
        )
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", ())}

    def removal(self, request: Request) -> Response:
        self.s3.delete_object(Bucket=self.bucket, Key=asked_key(request.args))
        return Response(status=204)

    def upload(self, request: Request) -> Response:
        """A URL for one PUT of an original directly to S3, valid for 15 minutes."""
        asked = request.get_json()
        key = asked_key(asked if isinstance(asked, dict) else {})
        if {".", ".."} & set(key.split("/")):
            raise BadRequest("Expected a name without . or .. between slashes, because browsers cannot send it.")
        content_type = str(asked.get("type") or "application/octet-stream")
        wanted = {"Bucket": self.bucket, "Key": key, "ContentType": content_type}
        url = self.s3.generate_presigned_url("put_object", wanted, ExpiresIn=UPLOAD_SECONDS)
        return as_json({"url": url, "headers": {"Content-Type": content_type}})


def newest(originals: Iterable[dict[str, Any]], find: str) -> list[dict[str, Any]]:
    """The originals that can have derivatives and whose key contains `find`, ignoring case; newest first."""
    wanted = find.casefold()
    found = [entry for entry in originals if may_have_derivatives(entry["key"]) and wanted in entry["key"].casefold()]
    found.sort(key=lambda entry: str(entry["key"]))
    return sorted(found, key=lambda entry: str(entry["modified"]), reverse=True)


def asked_key(asked: Mapping[str, Any]) -> str:
    """The key in a request. Raises BadRequest if no original can have it."""
    key = asked.get("key")
    if (
        not isinstance(key, str)
        or any(category(letter) in UNWRITABLE for letter in key)
        or not may_have_derivatives(key)
    ):
        raise BadRequest("Expected a name of at most 1000 bytes, without control characters or a slash at its end.")
    return key


def describe_original(original: Object, manifest: Manifest | None, made: list[dict[str, Any]]) -> dict[str, Any]:
    """An original for the page; `manifest` is null until its presets are rendered."""
    keys = ("format", "width", "height", "frames", "colours", "placeholder", "refused")
    return {
        "key": original.key,
        "etag": original.etag,
        "length": original.length,
        "manifest": {key: getattr(manifest, key) for key in keys} if manifest else None,
        "pictures": made,
    }


def pictures(
    key: str,
    stored: Mapping[str, int],
    manifest: Manifest | None,
    presets: Presets,
    missing_signature: Callable[[str, Pairs], str],
) -> list[dict[str, Any]]:
    """The pictures of an original, with a file for each format: presets as in presets.yaml, then ad-hoc pictures.

    Sizes in pixels are null if the manifest has none; `signature` is the one that the URL needs.
    """
    labels, made = preset_labels(key, presets), dict[str, dict[str, Any]]()
    derivatives = [derivative for path in stored if (derivative := _derivative(path))]
    order = list(labels)
    derivatives.sort(key=lambda d: (order.index(d.name) if d.name in labels else len(order), d.name))
    for derivative in derivatives:
        size = manifest.derivatives.get(derivative.name, {}) if manifest else {}
        label = labels.get(derivative.name)
        picture = made.setdefault(
            label or derivative.text,
            {
                "preset": label,
                "text": derivative.text,
                "width": size.get("width"),
                "height": size.get("height"),
                "signature": missing_signature(key, parse_qsl(label)) if label else "",
            },
        )
        file = {
            "name": derivative.name,
            "format": derivative.format,
            "length": stored[derivative.key],
            "signature": missing_signature(derivative.key, []),
        }
        picture.setdefault("files", []).append(file)
    return list(made.values())


def _derivative(path: str) -> Derivative | None:
    try:
        return parse_path(path)
    except ParameterError:
        return None


def preset_labels(key: str, presets: Presets) -> dict[str, str]:
    """The query for each derivative name: `preset=card`, or `preset=article&w=960` if the preset has several widths."""
    labels: dict[str, str] = {}
    for preset in (preset for preset in presets.presets.values() if preset.applies(key)):
        for derivative in sorted(presets.of(preset, key), key=lambda derivative: derivative.values.get("w", 0)):
            width = f"&w={derivative.values['w']}" if preset.widths else ""
            labels.setdefault(derivative.name, f"preset={preset.name}{width}")
    return labels


def describe_operation(operation: Operation) -> dict[str, Any]:
    """An operation for the page, which shows its parameters as controls."""
    parameters = [describe_parameter(parameter) for parameter in operation.parameters]
    return {"name": operation.name, "meaning": operation.meaning, "parameters": parameters}


def describe_parameter(parameter: Parameter) -> dict[str, Any]:
    """A parameter for the page, which shows it as a control; `default` is written as in a query."""
    default = parameter.kind.text(parameter.default) if parameter.default is not None else ""
    return {
        "name": parameter.name,
        "aliases": parameter.aliases,
        "meaning": parameter.meaning,
        "expected": parameter.kind.expected,
        "needs": parameter.needs.expected if parameter.needs else "",
        "default": default,
        "control": parameter.kind.control,
    }


def sentence(refusal: HTTPException) -> Response:
    """An error as JSON with one sentence, as in the app."""
    response = as_json({"error": refusal.description}, refusal.code or 500)
    if isinstance(refusal, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(refusal.valid_methods or ())
    return response


def as_json(content: object, status: int = 200) -> Response:
    return Response(json.dumps(content), status, mimetype="application/json")
