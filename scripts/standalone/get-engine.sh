#!/bin/sh
# Gets the sources of QuickJS-ng for a Debian that is too old to have them, into node_modules/.cache/quickjs-ng (see debian.sh).
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/standalone/debian.sh
. scripts/standalone/debian.sh
target=$PWD/node_modules/.cache/quickjs-ng
[ -e "$target/usr/src/quickjs-ng/quickjs.c" ] && exit 0
unpack "$target" "${1:-sid}" "$(dpkg --print-architecture)" qjs-src
[ -e "$target/usr/src/quickjs-ng/quickjs.c" ] || fail 'the package does not have quickjs.c in /usr/src/quickjs-ng'
