"""Every error that imgy answers with: its HTTP status, and how long a cache may keep it.

ImgyError
├── ParameterError      400  the URL asks for something that is not in the language
├── Forbidden           403  the URL is not open to its caller
├── NotFound            404  no such original
│   └── Denied               S3 will not say whether there is one
├── Refused                  the original cannot be used, however often one tries
│   ├── TooLarge        413
│   ├── NotAnImage      415
│   ├── Damaged         422
│   └── TooSlow         422
├── Unavailable         503  S3 or the renderer cannot answer now; trying again may help
└── MisconfiguredError  500  presets.yaml, settings or libraries are not as they must be
"""

from __future__ import annotations


class ImgyError(Exception):
    """A sentence the caller can act on; `kept` is how many seconds a cache may keep the answer."""

    status = 500
    kept = 0


class ParameterError(ImgyError):
    status = 400
    kept = 10


class Forbidden(ImgyError):
    status = 403
    kept = 10


class NotFound(ImgyError):
    status = 404
    kept = 10


class Denied(NotFound):
    """S3 says 403 for a missing key to a role without s3:ListBucket, so a reader takes it for a missing one."""


class Refused(ImgyError):
    """The original cannot be used: written in its manifest, never tried again."""

    kept = 10


class TooLarge(Refused):
    status = 413


class NotAnImage(Refused):
    status = 415


class Damaged(Refused):
    status = 422


class TooSlow(Refused):
    status = 422


class Unavailable(ImgyError):
    """A fault that may pass; callers are told to come again after `retry_after` seconds."""

    status = 503
    retry_after = 2


class MisconfiguredError(ImgyError):
    """Ours to mend, not the caller's: said in full at start, never in an answer."""


REFUSALS: dict[int, type[Refused]] = {error.status: error for error in (TooLarge, NotAnImage, Damaged)}
