#!/bin/sh
# Prepares this machine: `prepare.sh venv`, `prepare.sh magick`, `prepare.sh browser`. The Makefile calls it.
set -eu

fail() {
    echo "imgy: $1" >&2
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

may_install() {
    has apt-get && { [ "$(id -u)" = 0 ] || has sudo; }
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# The newest package with such a name that apt knows; its lists are fetched where they are missing.
apt_newest() {
    name=$(apt-cache search --names-only "$1" | cut -d' ' -f1 | sort -V | tail -n 1)
    if [ -z "$name" ]; then
        as_root apt-get update -qq >/dev/null
        name=$(apt-cache search --names-only "$1" | cut -d' ' -f1 | sort -V | tail -n 1)
    fi
    echo "$name"
}

apt_add() {
    package=$(apt_newest "$1")
    [ -n "$package" ] || return 1
    echo "Installing $package" >&2
    apt_install "$package" || { as_root apt-get update -qq >/dev/null && apt_install "$package"; }
}

# A Python of at least this minor version of 3.
python() {
    pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 "$pyenv"/3.1[0-9]*/bin/python; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (3, $1))" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    fail "Python 3.$1 or newer was not found; install it, or name one: make $2 PYTHON=/path/to/python3"
}

venv() {
    venv_in .venv 11 run
}

# What is packaged for Lambda is for the Python that packages it, and libvips' wheel wants 3.12 there.
venv_lambda() {
    venv_in .venv-lambda 12 deploy
}

venv_in() {
    if ! "$1/bin/python" -m pip --version >/dev/null 2>&1; then
        base=$(python "$2" "$3")
        if ! "$base" -c 'import ensurepip' 2>/dev/null; then
            version=$("$base" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
            may_install && apt_add "^$version-venv\$" || fail "Python's venv was not found; install it: apt-get install $version-venv"
        fi
        "$base" -m venv --clear "$1"
    fi
    echo "Installing what is pinned in requirements.lock, into $1" >&2
    rm -f "$1/installed"
    { pip_install "$1" && touch "$1/installed"; } | progress
    [ -f "$1/installed" ] || fail "pip could not install what requirements.lock pins; see its message above"
}

pip_install() {
    "$1/bin/python" -m pip install --disable-pip-version-check --no-color --progress-bar off \
        --no-deps --require-hashes -r requirements.lock
}

# One line that changes while pip works, where a person reads along; pip's errors come on their own.
progress() {
    if [ -t 2 ]; then
        awk '/^Collecting/ { printf "\r\033[K  %d  %s", ++count, $2 }
             /^Installing collected/ { printf "\r\033[K  unpacking %d packages", NF - 3 }
             { fflush() } END { printf "\r\033[K" }' >&2
    else
        cat >/dev/null
    fi
}

# A tool for itself, in an environment of its own: tool NAME VERSION.
tool() {
    place=.cache/$1-$2
    if [ ! -x "$place/bin/$1" ]; then
        "$(python 11 "$1")" -m venv --clear "$place" >&2 && "$place/bin/python" -m pip install -q "$1==$2" >&2 || return 1
    fi
    echo "$place/bin/$1"
}

lock() {
    uv=$(tool uv 0.13.9) || fail "uv could not be installed"
    "$uv" pip compile -q --universal --generate-hashes --python-version 3.11 --no-header -o .cache/lock requirements-dev.txt
    { sed -n '/^#/!q; p' requirements.lock; cat .cache/lock; } >.cache/lock.whole && mv .cache/lock.whole requirements.lock
}

# Fails for what is known to be vulnerable; where nobody can be asked, it says so and passes.
audit() {
    asked=${PIP_AUDIT:-$(tool pip-audit 2.10.1)} || { echo "audit: skipped, because pip-audit could not be installed"; return; }
    if said=$("$asked" --no-deps --disable-pip --progress-spinner off -r requirements.lock 2>&1); then
        unknown=$(echo "$said" | grep -c "could not be audited" || true)
        [ "$unknown" -lt 10 ] || { echo "audit: skipped, because this registry has no data on vulnerabilities"; return; }
        echo "audit: no known vulnerabilities"
    elif echo "$said" | grep -q "known vulnerabilit"; then
        echo "$said" >&2
        fail "requirements.lock pins vulnerable packages; update it: make lock"
    else
        echo "audit: skipped: $(echo "$said" | tail -n 1)"
    fi
}

wand_works() {
    .venv/bin/python -c 'import wand.api' 2>/dev/null
}

magick() {
    wand_works && return
    if may_install; then
        apt_add '^libmagickwand-[67]\.q16-[0-9]+(t64)?$' || true
    elif has brew; then
        brew install --quiet imagemagick
    fi
    wand_works ||
        fail "ImageMagick's library libMagickWand was not found; install it (Debian: libmagickwand-6.q16-6, Mac: brew install imagemagick)"
}

# For the tests in a browser, which are skipped without one. Ubuntu's package is a snap, which a test cannot drive.
browser() {
    if has chromium || has chromium-browser || has google-chrome; then return; fi
    if grep -qs '^ID=debian' /etc/os-release && has apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
        apt_add '^chromium$' && return
    fi
    echo "No Chromium: the tests in a browser are skipped" >&2
}

cd "$(dirname "$0")/.."
"$@"
