#!/bin/sh
# Gets the sources of QuickJS-ng for a Debian that is too old to have them: Debian's own package, from the mirror that this machine's apt
# uses and checked by its keys, unpacked into a folder. Nothing is installed, and the lists of the system stay as they are.
set -eu
suite=${1:-sid}
cd "$(dirname "$0")/../.."
folder=$PWD/node_modules/.cache/quickjs-ng
[ -e "$folder/usr/src/quickjs-ng/quickjs.c" ] && exit 0

fail() {
  echo "get-engine: $1" >&2
  exit 1
}

command -v apt-get >/dev/null || fail 'this needs apt; else set QUICKJS_NG to the folder that quickjs.c is in'
# shellcheck source=/dev/null
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $release" 'Origin: Debian' | head -n 1)
[ -n "$mirror" ] || fail "apt has no source of Debian's for $release"
key=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$key" ] || fail "there is no $key to check the package with (debian-archive-keyring)"

rm -rf "$folder"
mkdir -p "$folder/lists/partial" "$folder/archives/partial"
trap 'rm -rf "$folder/lists" "$folder/archives" "$folder"/status "$folder"/source.list "$folder"/*.deb' EXIT
: >"$folder/status"
echo "deb [signed-by=$key] $mirror $suite main" >"$folder/source.list"
# As root apt downloads as another user, which needs a folder that it can enter.
own_apt() {
  apt-get -q -o "Dir::Etc::SourceList=$folder/source.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$folder/lists" \
    -o "Dir::State::Status=$folder/status" -o "Dir::Cache=$folder" -o "Dir::Cache::Archives=$folder/archives" \
    -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
own_apt update
(cd "$folder" && own_apt download qjs-src)
dpkg-deb -x "$folder"/qjs-src_*.deb "$folder"
[ -e "$folder/usr/src/quickjs-ng/quickjs.c" ] || fail 'the package does not have quickjs.c in /usr/src/quickjs-ng'
