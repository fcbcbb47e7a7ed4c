# For get-engine.sh and get-libraries.sh, which source it: gets Debian's own packages, from the mirror that this machine's apt uses and checked
# by its keys, unpacked into a folder. Nothing is installed, and the lists of the system stay as they are.

fail() {
  echo "$(basename "$0" .sh): $1" >&2
  exit 1
}

# own_release: the name of this Debian, which apt has a mirror for.
own_release() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${VERSION_CODENAME:-}")
}

# unpack FOLDER SUITE PROCESSOR PACKAGE: FOLDER has what is in the package, and nothing else.
unpack() {
  folder=$1
  command -v apt-get >/dev/null || fail 'this needs apt'
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Release: $(own_release)" 'Origin: Debian' | head -n 1)
  [ -n "$mirror" ] || fail "apt has no source of Debian's for $(own_release)"
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -e "$key" ] || fail "there is no $key to check the package with (debian-archive-keyring)"
  rm -rf "$folder"
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  trap 'rm -rf "$folder/lists" "$folder/archives" "$folder"/status "$folder"/source.list "$folder"/*.deb' EXIT
  : >"$folder/status"
  echo "deb [arch=$3 signed-by=$key] $mirror $2 main" >"$folder/source.list"
  own_apt "$3" update
  (cd "$folder" && own_apt "$3" download "$4")
  dpkg-deb -x "$folder/$4"_*.deb "$folder"
}

# As root apt downloads as another user, which needs a folder that it can enter.
own_apt() {
  processor=$1
  shift
  apt-get -q -o "Dir::Etc::SourceList=$folder/source.list" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$folder/lists" \
    -o "Dir::State::Status=$folder/status" -o "Dir::Cache=$folder" -o "Dir::Cache::Archives=$folder/archives" \
    -o "APT::Architecture=$processor" -o "APT::Architectures=$processor" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
