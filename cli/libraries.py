"""Are ImageMagick and libvips there, and does the sandbox pass its self-test?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import ImgyError

if TYPE_CHECKING:
    pass

NO_MAGICK = """\
imgy: ImageMagick's library (libMagickWand) was not found; `make run` installs it, or: \
apt-get install libmagickwand-6.q16-6 (Debian, Ubuntu), brew install imagemagick (Mac)"""


def assert_libraries() -> None:
    """Raise SystemExit unless ImageMagick and libvips are there, with their walls up."""
    from chalicelib.sandbox.pool import WORKERS

    try:
        WORKERS.report()
    except ImgyError as error:
        raise SystemExit(NO_MAGICK if "MagickWand" in str(error) else f"imgy: {error}") from None
