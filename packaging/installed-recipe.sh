
# Of an installation: what is compiled is there already, and the recipe's hash is that of the sources it was made from.
build_agent() { install -m 0755 "$project/agent" "$1/init"; }
build_node_addon() { install -m 0644 "$project/openssl_reseed.node" "$1/openssl_reseed.node"; }
recipe_hash() { cat "$project/hash"; }
require_tools() {
  local tool
  for tool in apt-get mmdebstrap mksquashfs lz4 cpio npm dpkg-deb; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install: mmdebstrap squashfs-tools lz4 cpio npm"
  done
  [[ $(id -u) == 0 ]] || fail "must be run as root (it makes a root filesystem)"
}
