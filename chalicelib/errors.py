"""Every error that imgy responds with: its HTTP status, and how long a cache may keep it.

ImgyError
├── ParameterError      400  the URL is invalid, for example by an unknown parameter
├── Forbidden           403  the access mode does not allow this request
├── NotFound            404  no such original
│   └── Denied               S3 does not say whether it exists
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
    """An error with a sentence that the caller can act on; caches may keep the response for `max_age` seconds."""

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
    """S3 denies access to a key. Without s3:ListBucket, S3 also denies missing keys: readers treat both as missing."""


class Refused(ImgyError):
    """The original cannot be used. Its manifest records the refusal, and it is not tried again."""

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
    """A temporary fault; the response asks the caller to try again after `retry_after` seconds."""

    status = 503
    retry_after = 2


class MisconfiguredError(ImgyError):
    """A mistake in the configuration: reported in full at start, never in a response."""


REFUSALS: dict[int, type[Refused]] = {error.status: error for error in (TooLarge, NotAnImage, Damaged)}
