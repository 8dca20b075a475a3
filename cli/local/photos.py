"""Uploads real photos under free licences to the local run, from Debian's package mate-backgrounds."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from cli.embedded import environment

PACKAGE = "mate-backgrounds"
FOLDERS = ("nature", "abstract")


def add_photos(s3_port: int) -> None:
    """Fetch the package into a temporary folder and upload its photos. Raises SystemExit if that fails."""
    environment.point_to_this_machine(s3_port)
    s3 = environment.s3_client()
    try:
        s3.head_bucket(Bucket=environment.ORIGINALS)
    except (BotoCoreError, ClientError):
        raise SystemExit(f"imgy: no S3 answers at {environment.endpoint(s3_port)}; start it first: make run") from None
    with tempfile.TemporaryDirectory() as folder:
        photos = fetched(Path(folder))
        for number, photo in enumerate(photos, 1):
            key = f"photos/{photo.name}"
            s3.put_object(Bucket=environment.ORIGINALS, Key=key, Body=photo.read_bytes(), ContentType="image/jpeg")
            print(f"{number} of {len(photos)}  {key}  {photo.stat().st_size} bytes", flush=True)


def fetched(folder: Path) -> list[Path]:
    """The package's photos, unpacked in the folder. Raises SystemExit if it cannot be fetched."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise SystemExit(f"imgy: the photos are in Debian's package {PACKAGE}, but apt-get was not found")
    folder.chmod(0o755)  # apt's own user must be able to read it
    if not _runs("apt-get", "-q", "download", PACKAGE, cwd=folder):
        _runs(*_as_root(), "apt-get", "-q", "update", cwd=folder)
        if not _runs("apt-get", "-q", "download", PACKAGE, cwd=folder):
            raise SystemExit(f"imgy: apt-get could not fetch {PACKAGE}; check the network and the mirror")
    package = next(folder.glob("*.deb"))
    _runs("dpkg-deb", "-x", package.name, "unpacked", cwd=folder)
    backgrounds = folder / "unpacked/usr/share/backgrounds/mate"
    return sorted(photo for name in FOLDERS for photo in (backgrounds / name).glob("*.jpg"))


def _as_root() -> list[str]:
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def _runs(*command: str, cwd: Path) -> bool:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
