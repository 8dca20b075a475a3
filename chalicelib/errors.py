"""Every error that imgy responds with: its HTTP status, and how long a cache may keep it.

ImgyError
├── ParameterError      400  the URL asks for something that is not in the language
├── Forbidden           403  the URL is not open to its caller
├── NotFound            404  no such original
│   └── Denied               S3 does not say whether there is one
├── Refused                  the original cannot be used; trying again does not help
│   ├── TooLarge        413
│   ├── NotAnImage      415
│   ├── Damaged         422
│   └── TooSlow         422
├── Unavailable         503  S3 or the renderer cannot answer now; trying again may help
└── MisconfiguredError  500  presets.yaml, settings or libraries are wrong
"""

from __future__ import annotations


class ImgyError(Exception):
    """A sentence the caller can act on; `max_age` is how many seconds a cache may keep the response."""

    status = 500
    max_age = 0


class ParameterError(ImgyError):
    status = 400
    max_age = 10


class Forbidden(ImgyError):
    status = 403
    max_age = 10


class NotFound(ImgyError):
    status = 404
    max_age = 10


class Denied(NotFound):
    """S3 denies a key. To a role without s3:ListBucket it denies missing keys, too, so readers treat it as missing."""


class Refused(ImgyError):
    """The original cannot be used: its manifest says so, and it is not tried again."""

    max_age = 10


class TooLarge(Refused):
    status = 413


class NotAnImage(Refused):
    status = 415


class Damaged(Refused):
    status = 422


class TooSlow(Refused):
    status = 422


class Unavailable(ImgyError):
    """A fault that may pass; callers are asked to try again after `retry_after` seconds."""

    status = 503
    retry_after = 2


class MisconfiguredError(ImgyError):
    """A mistake of the operator, not of the caller: shown in full at start, never in a response."""


REFUSALS: dict[int, type[Refused]] = {error.status: error for error in (TooLarge, NotAnImage, Damaged)}
