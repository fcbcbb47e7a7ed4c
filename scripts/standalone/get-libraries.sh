#!/bin/sh
# get-libraries.sh arm64|amd64: gets the static libseccomp of another processor (by Debian's name for it), into
# node_modules/.cache/libseccomp-PROCESSOR (see debian.sh), for `npm run build:standalone -- --arch`.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/standalone/debian.sh
. scripts/standalone/debian.sh
[ $# -eq 1 ] || fail 'name a processor: arm64 or amd64'
target=$PWD/node_modules/.cache/libseccomp-$1
ls "$target"/usr/lib/*/libseccomp.a >/dev/null 2>&1 && exit 0
unpack "$target" "$(own_release)" "$1" libseccomp-dev
ls "$target"/usr/lib/*/libseccomp.a >/dev/null || fail 'the package does not have libseccomp.a'
