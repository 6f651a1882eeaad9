# shellcheck shell=bash
# shellcheck disable=SC2154  # `project` and `output` are the recipe's
# What the recipes of guest images share; sourced by them. A recipe sets `project` (the sources' root), `output` (the
# images' folder) and calls `make_images`.
#
# Packages come from the machine's own apt sources (Debian's suites only); nothing is installed on the machine.
# What Node's runtime holds of npm's packages comes from the registry that npm is set up for, each by the hash in its lock
# file; none of their scripts is run.
# Needs: mmdebstrap squashfs-tools lz4 cpio npm g++ libc6-dev libboost1.81-dev libssl-dev; and 1 GB in /tmp meanwhile.

suite=bookworm
# In the order in which the agent loads them; the agent reads it from /modules/order in the initrd.
modules=(virtio_ring virtio virtio_mmio virtio_console virtio_blk squashfs overlay failover net_failover virtio_net
  inet_diag tcp_diag)
# shellcheck disable=SC2034  # for the recipe
agent_sources=("$project"/vmm/guest/agent/*.cc "$project"/vmm/agent_protocol.cc "$project"/vmm/cbor.cc "$project"/base/error.cc
  "$project"/base/fd.cc "$project"/base/mac.cc "$project"/base/ipv4.cc)

say() { echo "${0##*/}: $*" >&2; }
fail() {
  say "$*"
  exit 1
}

# recipe_hash PATH...: what the images are made from, as one hash; the recipe's files and folders below `project`.
recipe_hash() {
  (cd "$project" && find "$@" vmm/agent_protocol.* vmm/cbor.* base/{error,fd,ipv4,mac,result}.* netd/client/attach_protocol.hh \
    -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# is_current HASH FILE...
is_current() {
  local hash=$1 file
  shift
  for file in "$@" manifest.json; do
    [[ -s $output/$file ]] || return 1
  done
  grep -q "\"recipe\": \"$hash\"" "$output/manifest.json"
}

require_tools() {
  local tool
  for tool in apt-get mmdebstrap mksquashfs lz4 cpio npm g++ strip dpkg-deb; do
    command -v "$tool" >/dev/null || fail "$tool is missing; install: mmdebstrap squashfs-tools lz4 cpio npm g++ libssl-dev"
  done
  [[ $(id -u) == 0 ]] || fail "must be run as root (it makes a root filesystem)"
}

# The machine's apt sources, reduced to Debian's suites: other repositories must not put packages into the images.
write_sources() {
  local folder=$1 file
  rm -f "$folder"/debian.{list,sources}
  shopt -s nullglob
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [[ -f $file ]] && awk -v suite="$suite" '$1 == "deb" { line = $0; gsub(/\[[^]]*\]/, "")
      if ($3 ~ "^" suite "(-updates|-security)?$" && $0 ~ / main/) print line }' "$file" >>"$folder/debian.list"
  done
  for file in /etc/apt/sources.list.d/*.sources; do
    awk -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n" }
      $0 ~ "(^|\n)Suites:([^\n]* )?" suite "( |\n|$)" || $0 ~ "(^|\n)Suites:([^\n]* )?" suite "-security( |\n|$)" {
        if ($0 ~ /(^|\n)Components:[^\n]*main/) print }' "$file" >>"$folder/debian.sources"
  done
  shopt -u nullglob
  # Proxies and certificates with which this machine reaches them.
  apt-config dump | grep -E '^Acquire::https?::.*(Proxy|CaInfo|CAInfo|Verify)' >"$folder/apt.conf" || true
}

build_kernel() {
  local work=$1 package image setup_sects offset length
  package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }') || true
  [[ -n $package ]] || fail "apt knows no linux-image-cloud-amd64: run apt-get update"
  say "kernel: download $package"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package" >&2) || fail "cannot download $package"
  dpkg-deb -x "$work/$package"_*.deb "$work/kernel"
  image=("$work"/kernel/boot/vmlinuz-*)
  # The boot protocol's header (Documentation/arch/x86/boot.rst): the payload is an LZ4 legacy frame whose last
  # four bytes are the unpacked size.
  setup_sects=$(od -An -tu1 -j $((0x1f1)) -N1 "${image[0]}")
  offset=$(od -An -tu4 -j $((0x248)) -N4 "${image[0]}")
  length=$(od -An -tu4 -j $((0x24c)) -N4 "${image[0]}")
  dd if="${image[0]}" iflag=skip_bytes,count_bytes bs=1M skip=$(((setup_sects + 1) * 512 + offset)) \
    count=$((length - 4)) status=none | lz4 -dcq >"$work/vmlinux" || fail "the kernel's payload is not LZ4"
  [[ $(head -c4 "$work/vmlinux" | tail -c3) == ELF ]] || fail "the kernel's payload is no ELF file"
}

# build_agent WORK SOURCE...: WORK/init.
build_agent() {
  local work=$1
  shift
  say "agent: compile"
  # g++ 12 sees uninitialised strings in variants where there are none (as in vmm/CMakeLists.txt).
  g++ -std=c++20 -O2 -static -Wall -Wextra -Werror -Wno-maybe-uninitialized -I"$project" -o "$work/init" "$@"
  strip "$work/init"
}

# build_node_addon WORK: WORK/openssl_reseed.node.
build_node_addon() {
  g++ -std=c++20 -O2 -shared -fPIC -Wall -Wextra -Werror -o "$1/openssl_reseed.node" \
    "$project/vmm/guest/node/openssl_reseed.cc" -lcrypto
  strip "$1/openssl_reseed.node"
}

build_initrd() {
  local work=$1 module file
  say "initrd: agent and ${#modules[@]} modules"
  mkdir -p "$work/initrd/modules" "$work/initrd/"{dev,proc,sys,root}
  for module in "${modules[@]}"; do
    file=$(find "$work/kernel/lib/modules" -name "$module.ko" -print -quit)
    [[ -n $file ]] || fail "the kernel package has no module $module"
    cp "$file" "$work/initrd/modules/"
    echo "$module" >>"$work/initrd/modules/order"
  done
  cp "$work/init" "$work/initrd/init"
  find "$work/initrd" -exec touch -hd @0 {} +
  (cd "$work/initrd" && find . -print0 | sort -z | cpio --null -o -H newc --reproducible -R 0:0 --quiet |
    gzip -9n) >"$work/initrd.cpio.gz"
}

# unpack_root WORK ROOT PACKAGE...: their files and those of what they depend on.
unpack_root() {
  local work=$1 root=$2 packages sources=()
  shift 2
  packages=$(IFS=, && echo "$*")
  write_sources "$work"
  [[ -s $work/debian.list ]] && sources+=("$work/debian.list")
  [[ -s $work/debian.sources ]] && sources+=("$work/debian.sources")
  [[ ${#sources[@]} != 0 ]] || fail "no apt source for Debian $suite in /etc/apt"
  say "${root##*/}: unpack the packages"
  mmdebstrap --quiet --variant=extract --aptopt="$work/apt.conf" --aptopt='Apt::Install-Recommends "false"' \
    --include="$packages" "$suite" "$root" "${sources[@]}" || fail "mmdebstrap failed"
}

# What `--variant=extract` leaves to us: it unpacks and runs no maintainer script.
finish_root() {
  local root=$1
  cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$root/etc/ssl/certs/ca-certificates.crt"
  printf 'root:x:0:0:root:/root:/usr/sbin/nologin\nsbx_user1051:x:993:990::/tmp:/usr/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nsbx_user1051:x:990:\n' >"$root/etc/group"
  printf 'hosts: files dns\npasswd: files\ngroup: files\n' >"$root/etc/nsswitch.conf"
  printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
  printf 'nameserver %s\n' "$(sed -n 's/.*kGuestResolver = "\(.*\)";/\1/p' "$project/netd/client/attach_protocol.hh")" \
    >"$root/etc/resolv.conf"
  echo localhost >"$root/etc/hostname"
  ln -sf busybox "$root/bin/sh"
  rm -rf "$root"/usr/share/{doc,man,locale,info,lintian,bash-completion,common-licenses} "$root"/var/{lib/dpkg,lib/apt,cache,log} \
    "$root"/usr/lib/x86_64-linux-gnu/gconv "$root"/usr/lib/python3.11/{test,idlelib,lib2to3,ensurepip,pydoc_data,turtledemo} \
    "$root"/usr/{share/perl5,share/perl,lib/x86_64-linux-gnu/perl-base} "$root"/usr/bin/perl* "$root"/etc/resolv.conf.*
  mkdir -p "$root"/{proc,sys,dev,tmp,opt,run} "$root"/var/{task,runtime,tmp,log}
}

# add_python ROOT PATH...: the runtime, and everything of Python's in the root and at the paths compiled.
add_python() {
  local root=$1
  shift
  install -m 0755 "$project/vmm/guest/python/bootstrap" "$root/var/runtime/bootstrap"
  install -m 0644 "$project/vmm/guest/python/bootstrap.py" "$root/var/runtime/bootstrap.py"
  ln -sf python3.11 "$root/usr/bin/python3"
  say "${root##*/}: compile Python's modules"
  # Unchecked: the image is read-only and its time stamps are not those of the sources.
  chroot "$root" /usr/bin/python3.11 -m compileall -q --invalidation-mode unchecked-hash \
    /usr/lib/python3.11 /var/runtime "$@" >/dev/null || fail "compileall failed"
}

# add_node WORK ROOT: the runtime, with aws-lambda-ric and the AWS SDK in its node_modules.
add_node() {
  local work=$1 root=$2 from=$project/vmm/guest/node packages_in=$2/var/runtime/node_modules
  say "${root##*/}: npm's packages"
  install -m 0644 "$from"/package{,-lock}.json -t "$root/var/runtime"
  npm ci --prefix "$root/var/runtime" --cache "$work/npm" --ignore-scripts --omit=dev --no-audit --no-fund \
    --no-update-notifier --loglevel=error >&2 || fail "npm failed"
  # What only bundlers, compilers and an npm in this folder would read; the last one's names hosts.
  rm -rf "$packages_in"/{.bin,.package-lock.json,node-gyp,node-addon-api} "$packages_in"/aws-lambda-ric/{bin,deps,scripts,src,binding.gyp} \
    "$packages_in"/@{aws-sdk,smithy}/*/dist-{es,types}
  find "$packages_in" \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.map' -o -iname 'readme.md' -o -iname 'changelog.md' \) -delete
  build_node_addon "$work"
  install -m 0755 "$from/bootstrap" "$root/var/runtime/bootstrap"
  install -m 0644 "$from"/{bootstrap.mjs,random.cjs,runtime_api.cjs} "$work/openssl_reseed.node" -t "$root/var/runtime"
  # aws-lambda-ric's client of the Runtime API is a compiled module of this name; Node takes a folder as well.
  install -D -m 0644 "$from/rapid-client.cjs" "$packages_in/aws-lambda-ric/dist/rapid-client.node/index.js"
  # Where the search of /var/task/index.mjs for a package ends; NODE_PATH is not for ES modules.
  ln -s runtime/node_modules "$root/var/node_modules"
  # shellcheck disable=SC2016  # JavaScript's dollars and quotes
  chroot "$root" /usr/bin/node --input-type=module -e '
    await import("/var/node_modules/@aws-sdk/client-s3/dist-cjs/index.js");
    await import("/var/node_modules/@aws-sdk/client-dynamodb/dist-cjs/index.js");
    const { createRequire } = await import("module");
    createRequire("/var/runtime/")("./random.cjs").renew();' >&2 || fail "the image's Node cannot load what is in it"
}

# squash ROOT: ROOT.squashfs.
squash() {
  say "${1##*/}: squashfs"
  mksquashfs "$1" "$1.squashfs" -comp zstd -Xcompression-level 9 -all-root -all-time 0 -mkfs-time 0 \
    -no-progress -quiet -noappend >/dev/null
}

# publish WORK HASH FILE...
publish() {
  local work=$1 hash=$2 file separator=""
  shift 2
  {
    printf '{\n  "recipe": "%s",\n  "kernel": "%s",\n  "sha256": {' "$hash" "$(basename "$work"/kernel/boot/vmlinuz-*)"
    for file in "$@"; do
      printf '%s\n    "%s": "%s"' "$separator" "$file" "$(sha256sum "$work/$file" | cut -d' ' -f1)"
      separator=,
    done
    printf '\n  }\n}\n'
  } >"$work/manifest.json"
  # The manifest goes last: without it the images are not current. Renames, since a microVM may have them open.
  for file in "$@" manifest.json; do
    chmod 0644 "$work/$file"
    mv -f "$work/$file" "$output/.$file.new"
    mv -f "$output/.$file.new" "$output/$file"
  done
}

# make_images HASH BUILD FILE...: unless `output` has them from a recipe of this hash, runs BUILD with a folder to work
# in, in which it makes these files and a `kernel` from build_kernel, and moves them to `output`.
make_images() {
  local hash=$1 build=$2 work
  shift 2
  mkdir -p "$output"
  # One at a time; the second one then finds the work done.
  exec {lock}>"$output/.lock"
  flock "$lock"
  if is_current "$hash" "$@"; then
    say "$output is current"
    return
  fi
  require_tools
  work=$(mktemp -d "${TMPDIR:-/tmp}/caisson-images.XXXXXX")
  # shellcheck disable=SC2064  # $work is local to this function: it must be expanded here
  trap "rm -rf --one-file-system '$work'" EXIT
  chmod 0755 "$work"
  "$build" "$work"
  publish "$work" "$hash" "$@"
  say "wrote $output: $(du -sh "$output" | cut -f1)"
}
