# shellcheck shell=bash
# The Debian packages that each purpose needs, and their installation.

packages_of() {
  case "$1" in
    build)
      echo g++ cmake ninja-build ccache clang llvm bpftool pkg-config \
        libbpf-dev libelf-dev zlib1g-dev libnl-3-dev libnl-route-3-dev libnftables-dev \
        libboost1.81-dev libboost-url1.81-dev nlohmann-json3-dev libsqlite3-dev libcli11-dev libspdlog-dev libarchive-dev libssl-dev \
        prometheus-cpp-dev libseccomp-dev libcap-ng-dev libsystemd-dev libldns-dev
      ;;
    test)
      echo libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev shellcheck clang-format clang-tidy \
        ethtool iproute2 nftables tcpdump procps systemd openssl mandoc zsh fish python3-scapy python3-botocore node-aws4 bind9-dnsutils awscli curl
      npm_package
      ;;
    fuzz) echo clang-14 libclang-rt-14-dev ;;
    images)
      echo mmdebstrap squashfs-tools lz4 cpio xz-utils g++ libc6-dev libboost1.81-dev nlohmann-json3-dev libssl-dev
      npm_package
      ;;
    run) echo qemu-system-x86 squashfs-tools iproute2 nftables util-linux procps curl python3 socat bpftool dnsmasq-base ;;
    backends)
      echo nodejs
      npm_package
      ;;
    bench) echo containernetworking-plugins iptables gnuplot-nox ethtool wrk openssl libpcre2-8-0 python3-botocore ;;
    package) echo dpkg-dev libboost1.81-dev libc6-dev ;;
    demo) echo awscli postgresql python3-pg8000 jq zip curl ;;
  esac
}

# npm_package: Debian's, where there is no npm yet: one from elsewhere comes with its Node and excludes Debian's.
npm_package() { command -v npm >/dev/null || echo npm; }

# missing_packages PURPOSE...: those not installed, one a line.
missing_packages() {
  local purpose package
  for purpose in "$@"; do packages_of "$purpose" | tr ' ' '\n'; done | sort -u | while read -r package; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq "$@"; }

# apt_install PACKAGE...: with the lists as they are, else with fresh ones. A PostgreSQL that comes with us makes no
# cluster on this machine: ours live in temporary folders.
apt_install() {
  local conf=/etc/postgresql-common/createcluster.conf ours=
  if [[ " $* " == *" postgresql "* && ! -e $conf ]]; then
    ours=1
    mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' >"$conf"
  fi
  local status=0
  apt_get install -y --no-install-recommends "$@" || {
    apt_get update && apt_get install -y --no-install-recommends "$@"
  } || status=$?
  if [[ -n $ours ]]; then
    if [[ -e /usr/share/postgresql-common/createcluster.conf ]]; then
      cp /usr/share/postgresql-common/createcluster.conf "$conf"
      rm -f "$conf.ucf-dist"
    else
      rm -f "$conf"
    fi
  fi
  return "$status"
}

# fetch_program PACKAGE PROGRAM FOLDER: this program alone of a Debian package that would start a server where systemd is PID 1,
# and at each boot from then on; so it is unpacked, not installed.
fetch_program() {
  local package=$1 program=$2 folder=$3 work
  [[ ! -x $folder/${program##*/} ]] || return 0
  work=$(mktemp -d)
  chmod 0755 "$work"
  (
    cd "$work" || exit
    apt_get -o APT::Sandbox::User=root download "$package" ||
      { apt_get update && apt_get -o APT::Sandbox::User=root download "$package"; }
    dpkg-deb --fsys-tarfile "$package"_*.deb | tar -x "./$program"
  )
  install -D "$work/$program" "$folder/${program##*/}"
  rm -r "$work"
}
fetch_promtool() { fetch_program prometheus usr/bin/promtool "$1"; }
fetch_nginx() { fetch_program nginx usr/sbin/nginx "$1"; }

# fetch_backends FOLDER: the lab's services in FOLDER/backends, of npm's packages by the hashes in their lock file; no script
# of theirs is run.
fetch_backends() {
  local sources=$ROOT/dev.d/backends work
  ! cmp -s "$sources/package-lock.json" "$1/backends/package-lock.json" || return 0
  mkdir -p "$1"
  work=$(mktemp -d "$1/backends.XXXXXX")
  cp "$sources"/package{,-lock}.json "$work/"
  npm ci --prefix "$work" --cache "$work/cache" --ignore-scripts --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error
  rm -rf "$work/cache" "$1/backends"
  chmod 0755 "$work"
  mv "$work" "$1/backends"
}

# install_packages PURPOSE...: only what is missing.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} > 0)) || return 0
  ((EUID == 0)) || die "these packages are missing: sudo apt-get install --no-install-recommends ${missing[*]}"
  step packages "installing ${#missing[@]} Debian packages" apt_install "${missing[@]}"
}
