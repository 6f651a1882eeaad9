# shellcheck shell=bash
# The Debian package of a release build, and its installation on this machine.

RELEASE=$ROOT/build-release

# cmd_package: prints the package's path as its last line.
cmd_package() {
  install_packages build package
  configure release
  build_targets "$RELEASE" installation
  rm -f "$RELEASE"/package/*.deb
  step cpack "packing" as_builder env -C "$RELEASE" cpack -G DEB
  echo "$RELEASE"/package/*.deb
}

# cmd_install: what the package depends on comes with it. Nothing is started.
cmd_install() {
  need_root install
  cmd_package
  local deb
  deb=$(echo "$RELEASE"/package/*.deb)
  step install "installing ${deb##*/}" apt_get install -y --reinstall --no-install-recommends "$deb"
  cat <<'TEXT'
Installed. Guest images first, then the daemons:
  apt-get install --no-install-recommends mmdebstrap squashfs-tools lz4 cpio npm && caisson-images
  systemctl enable --now caisson-{netd,attach,endpoint,endpointd,runnerd}.socket caisson-endpointd
  caisson doctor
TEXT
}

# cmd_uninstall: everything goes: programs, settings, users, state, images, and the network that netd made.
cmd_uninstall() {
  need_root uninstall
  if [[ $(dpkg-query -W -f='${db:Status-Status}' caisson 2>/dev/null) == @(installed|config-files) ]]; then
    step uninstall "purging caisson" apt_get purge -y caisson
  else
    say "caisson is not installed"
  fi
}
