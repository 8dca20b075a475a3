"""Checks that ImageMagick and libvips are installed and that the sandbox passes its self-test."""

from chalicelib.errors import ImgyError

NO_MAGICK = """\
imgy: ImageMagick's library (libMagickWand) was not found; `make run` installs it, or: \
apt-get install libmagickwand-6.q16-6 (Debian, Ubuntu), brew install imagemagick (Mac)"""


def assert_libraries() -> None:
    """Raise SystemExit unless ImageMagick and libvips are installed and the sandbox passes its self-test."""
    from chalicelib.sandbox.pool import WORKERS

    try:
        WORKERS.report()
    except ImgyError as error:
        raise SystemExit(NO_MAGICK if "MagickWand" in str(error) else f"imgy: {error}") from None
