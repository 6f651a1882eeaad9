# shellcheck shell=bash
# The lab: netd, endpointd and runnerd in a network namespace of their own ("the host"), and behind it an "internet" with a web
# server and echo servers.
#
#   caisson-NAME  <- uplink ->  caisson-NAME-host  192.0.2.1 <- veth -> 192.0.2.2  caisson-NAME-internet
#   (the fabric, netd's)        (daemons, lab exec)                                198.51.100.10: http, echo (7), DNS
#
# With --backends there are also an S3 (s3rver, port 4568) and a DynamoDB (dynalite, port 4567), on the host's 127.0.0.1.
#
# All it makes bears the instance's name, so `lab down` finds it also after an `up` that failed half way.

LAB_ADDRESS=198.51.100.10
# Nobody else's: the microVMs' begin at 200000.
LAB_ENDPOINT_USER=199999
LAB_LOG=(--log-format "${CAISSON_LOG_FORMAT:-text}" --log-level "${CAISSON_LOG_LEVEL:-info}")

lab_names() {
  [[ $1 =~ ^[a-z][a-z0-9]{0,7}$ ]] || die "a lab's name is 1 to 8 of a-z and 0-9, a letter first: '$1'"
  LAB=$1
  LAB_HOST=caisson-$1-host
  LAB_INTERNET=caisson-$1-internet
  LAB_RUN=/run/caisson-$1
  LAB_STATE=/var/lib/caisson-$1
  LAB_BIN=/var/lib/caisson-$1.bin
  LAB_PINS=/sys/fs/bpf/caisson-$1
  LAB_PIDS=/run/caisson-$1.pids
  # With the images of tests a function of the runtime "provided.root" is root in its guest.
  LAB_IMAGES=$IMAGES${CAISSON_TEST_IMAGES:+/tests}
}

# in_netns NAME CMD...: by setns of the network namespace alone, since `ip netns exec` hides bpffs.
in_netns() {
  local name=$1
  shift
  nsenter --net="/run/netns/$name" -- "$@"
}

# lab_spawn NAMESPACE NAME CMD...: a process that outlives us, its log, and "pid start-time" in the lab's pid folder.
lab_spawn() {
  local namespace=$1 name=$2 pid
  shift 2
  setsid nsenter --net="/run/netns/$namespace" -- "$@" >>"$LAB_RUN/$name.log" 2>&1 </dev/null &
  pid=$!
  printf '%s %s\n' "$pid" "$(process_birth "$pid")" >"$LAB_PIDS/$name"
}

# process_birth PID: its start time in ticks (proc(5), field 22), which tells a process from a later one of its id;
# nothing if it has ended with all of its threads, which hold its files and locks, also while nobody has waited for it.
process_birth() {
  local stat threads
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  stat=${stat##*) }
  threads=("/proc/$1/task"/*)
  # shellcheck disable=SC2086  # the fields are to be split
  set -- $stat
  [[ $1 == [ZX] && ${#threads[@]} -le 1 ]] || echo "${20}"
}

lab_alive() {
  local pid birth
  read -r pid birth 2>/dev/null <"$LAB_PIDS/$1" && [[ -n $birth && $(process_birth "$pid") == "$birth" ]]
}

# lab_stop NAME: SIGTERM, ten seconds, SIGKILL.
lab_stop() {
  local pid signal
  for signal in TERM KILL; do
    lab_alive "$1" || break
    read -r pid _ <"$LAB_PIDS/$1"
    kill "-$signal" "$pid" 2>/dev/null || true
    lab_await_end "$1" 10
  done
  rm -f "$LAB_PIDS/$1"
}

# lab_await_end NAME SECONDS
lab_await_end() {
  local deadline=$((SECONDS + $2))
  while lab_alive "$1" && ((SECONDS < deadline)); do sleep 0.02; done
}

# lab_ready NAME CURL-ARGUMENT...: waits until the daemon says that it is healthy; its end is an error at once.
lab_ready() {
  local name=$1 deadline=$((SECONDS + 90))
  shift
  until curl --silent --fail --max-time 5 --output /dev/null "$@" 2>/dev/null; do
    lab_alive "$name" || lab_failed "$name ended"
    ((SECONDS < deadline)) || lab_failed "$name did not answer /healthz within 90 s"
    sleep 0.1
  done
}

lab_failed() {
  local log
  for log in "$LAB_RUN"/*.log; do
    [[ -e $log ]] || continue
    printf '== %s\n' "$log" >&2
    tail -n 30 "$log" >&2
  done
  die "lab $LAB: $1"
}

lab_start_netd() {
  lab_spawn "$LAB_HOST" netd "$LAB_BIN/netd" --instance "$LAB" --slots "${CAISSON_SLOTS:-16}" \
    --listen-tcp 127.0.0.1:4750 --endpoint-uid "$LAB_ENDPOINT_USER" "${LAB_LOG[@]}"
  lab_ready netd --unix-socket "$LAB_RUN/netd.sock" http://localhost/healthz
}

lab_start_endpointd() {
  lab_spawn "$LAB_HOST" endpointd "$LAB_BIN/endpointd" --instance "$LAB" --user "$LAB_ENDPOINT_USER" \
    --resolver "$LAB_ADDRESS" --backends "$LAB_RUN/backends.json" "${LAB_LOG[@]}"
  lab_ready endpointd --unix-socket "$LAB_RUN/endpointd.sock" http://localhost/healthz
}

# CAISSON_RUNNERD_OPTIONS: further options, for benchmarks and tests.
lab_start_runnerd() {
  local options
  read -ra options <<<"${CAISSON_RUNNERD_OPTIONS:-}"
  lab_spawn "$LAB_HOST" runnerd "$LAB_BIN/runnerd" --instance "$LAB" --images "$LAB_IMAGES" \
    --ca-certificate "$LAB_STATE/endpoint/ca.pem" "${options[@]}" "${LAB_LOG[@]}"
  lab_ready runnerd --unix-socket "$LAB_RUN/runner.sock" http://localhost/healthz
}

# The lab runs copies: the daemons give up the capability to read a home folder that is closed to others, and a new
# build shall not change a running lab.
lab_copy_programs() {
  local program
  mkdir -p "$LAB_BIN"
  for program in "${PROGRAMS[@]}"; do install -m 0755 "$BUILD/bin/$program" "$LAB_BIN/"; done
}

lab_make_namespaces() {
  local host=vh-$LAB internet=vi-$LAB
  ip netns add "$LAB_HOST"
  ip netns add "$LAB_INTERNET"
  in_netns "$LAB_HOST" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  in_netns "$LAB_INTERNET" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
  ip link add "$host" netns "$LAB_HOST" type veth peer name "$internet" netns "$LAB_INTERNET"
  in_netns "$LAB_HOST" ip -batch - <<BATCH
link set lo up
link set $host up
address add 192.0.2.1/24 dev $host
route add default via 192.0.2.2
BATCH
  in_netns "$LAB_INTERNET" ip -batch - <<BATCH
link set lo up
link set $internet up
address add 192.0.2.2/24 dev $internet
address add $LAB_ADDRESS/32 dev lo
BATCH
}

lab_start_internet() {
  mkdir -p "$LAB_RUN/www"
  echo 'hello from the internet' >"$LAB_RUN/www/index.html"
  lab_spawn "$LAB_INTERNET" web python3 -u -m http.server --bind "$LAB_ADDRESS" --directory "$LAB_RUN/www" 80
  lab_spawn "$LAB_INTERNET" echo-tcp socat -T 60 "TCP-LISTEN:7,bind=$LAB_ADDRESS,fork,reuseaddr,max-children=64" PIPE
  # The host's resolver: it knows this one name, and that there are no others.
  lab_spawn "$LAB_INTERNET" dns dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= \
    --user=root --log-facility=- --bind-interfaces "--listen-address=$LAB_ADDRESS" \
    "--host-record=www.internet.example,$LAB_ADDRESS" --local-ttl=300 --local=/#/
  lab_spawn "$LAB_INTERNET" echo-udp socat -T 5 "UDP-RECVFROM:7,bind=$LAB_ADDRESS,fork" PIPE
}

# lab_start_backend NAME KIND PORT [FOLDER]: dev.d/backends/start.cjs, as nobody, and waits until it listens.
lab_start_backend() {
  local name=$1 deadline=$((SECONDS + 90))
  shift
  lab_spawn "$LAB_HOST" "$name" setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all \
    env -C "$LAB_BIN/backends" node start.cjs "$@"
  until grep -qx listening "$LAB_RUN/$name.log" 2>/dev/null; do
    lab_alive "$name" || lab_failed "$name ended"
    ((SECONDS < deadline)) || lab_failed "$name did not listen within 90 s"
    sleep 0.1
  done
}

# lab_add_backend SERVICE ACCOUNT PORT: a row of the file that endpointd reads; the file is whole at any time.
lab_add_backend() {
  local rows=$LAB_RUN/backends.rows
  printf '{"Service": "%s", "Account": "%s", "Url": "http://127.0.0.1:%s", "AccessKeyId": "S3RVER", "SecretAccessKey": "S3RVER"}\n' \
    "$@" >>"$rows"
  printf '{"Backends": [%s]}\n' "$(paste -sd, "$rows")" >"$LAB_RUN/backends.json.new"
  chown "root:$LAB_ENDPOINT_USER" "$LAB_RUN/backends.json.new"
  chmod 0640 "$LAB_RUN/backends.json.new"
  mv "$LAB_RUN/backends.json.new" "$LAB_RUN/backends.json"
}

# Copies, as of the programs. What is stored lies on the disk, not in /run: it may be large.
lab_start_backends() {
  cp -r "$BUILD/tools/backends" "$LAB_BIN/"
  install -m 0644 "$ROOT/dev.d/backends/start.cjs" "$LAB_BIN/backends/"
  install -d -o 65534 -g 65534 -m 0700 "$LAB_BIN/stored"
  lab_start_backend s3 s3 4568 "$LAB_BIN/stored"
  lab_start_backend dynamodb dynamodb 4567
  lab_add_backend s3 000000000001 4568
  lab_add_backend dynamodb 000000000001 4567
}

# lab_start_s3 ACCOUNT: an S3 of a further account's own; the next port above the first two.
lab_start_s3() {
  [[ ${1:-} =~ ^[0-9]{12}$ ]] || die "lab start s3 ACCOUNT, an id of 12 digits"
  [[ -e $LAB_BIN/stored ]] || die "lab $LAB has no backends: ./dev lab up --backends"
  local port
  port=$((4567 + $(wc -l <"$LAB_RUN/backends.rows")))
  install -d -o 65534 -g 65534 -m 0700 "$LAB_BIN/stored-$1"
  lab_start_backend "s3-$1" s3 "$port" "$LAB_BIN/stored-$1"
  lab_add_backend s3 "$1" "$port"
}

# lab_up [--backends]
lab_up() {
  local backends=${CAISSON_LAB_BACKENDS:-}
  [[ ${1:-} != --backends ]] || backends=1
  need_root "lab up"
  if [[ -e $LAB_PIDS ]]; then die "lab $LAB is up (or was left half way): ./dev lab down --instance $LAB"; fi
  # The e2e tests come with everything built.
  if [[ -z ${CAISSON_READY:-} ]]; then
    install_packages run
    build_programs
    cmd_images ${CAISSON_TEST_IMAGES:+--tests}
    if [[ -n $backends ]]; then
      install_packages backends
      step backends "the lab's services in ${BUILD##*/}/" fetch_backends "$BUILD/tools"
      own "$BUILD/tools"
    fi
  fi
  trap 'lab_undo $?' EXIT
  mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
  mkdir -p "$LAB_RUN" "$LAB_PIDS"
  lab_copy_programs
  lab_make_namespaces
  lab_start_internet
  [[ -z $backends ]] || lab_start_backends
  lab_start_netd
  lab_start_endpointd
  lab_make_key
  lab_start_runnerd
  say "lab $LAB is up: ./dev lab exec${LAB_FLAG} caisson describe"
}

# lab_make_key: the lab's own access key of the default account, as a profile for the AWS CLI and as options for curl.
lab_make_key() {
  "$LAB_BIN/caisson" --instance "$LAB" account create-key default --profile-file "$LAB_RUN/credentials" >/dev/null
  (
    umask 0077
    awk '$1 == "aws_access_key_id" { id = $3 }
      $1 == "aws_secret_access_key" { printf "aws-sigv4 = \"aws:amz:us-east-1:ec2\"\nuser = \"%s:%s\"\n", id, $3 }' \
      "$LAB_RUN/credentials" >"$LAB_RUN/curl.sigv4"
  )
}

# lab_undo STATUS: what an `up` that failed has made goes again.
lab_undo() {
  (($1 == 0)) || lab_down
  exit "$1"
}

# lab_down: idempotent; everything goes, whatever is there.
lab_down() {
  need_root "lab down"
  local name namespace pid
  for name in runnerd endpointd netd; do lab_stop "$name"; done
  for name in "$LAB_PIDS"/*; do
    [[ ! -e $name ]] || lab_stop "${name##*/}"
  done
  for namespace in $(ip netns list | awk '{print $1}' | grep -E "^caisson-$LAB(-|\$)"); do
    for pid in $(ip netns pids "$namespace"); do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns delete "$namespace"
  done
  # They go with runnerd, unless what removes them was killed above.
  find /sys/fs/cgroup -depth -type d \( -path "*/caisson-$LAB" -o -path "*/caisson-$LAB/*" \) \
    -exec rmdir {} + 2>/dev/null || true
  rm -rf "$LAB_PINS" "$LAB_RUN" "$LAB_STATE" "$LAB_PIDS" "$LAB_BIN"
}

lab_status() {
  local name found=
  for name in "$LAB_PIDS"/*; do
    [[ -e $name ]] || continue
    found=1
    if lab_alive "${name##*/}"; then echo "${name##*/}: running"; else echo "${name##*/}: ended"; fi
  done
  [[ -n $found ]] || {
    echo "lab $LAB is down"
    return 1
  }
}

lab_exec() {
  need_root "lab exec"
  (($#)) || die "lab exec CMD..."
  [[ -e /run/netns/$LAB_HOST ]] || die "lab $LAB is down: ./dev lab up"
  # The user's own AWS settings and proxies have no say in a lab.
  exec nsenter --net="/run/netns/$LAB_HOST" -- env \
    -u AWS_PROFILE -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY -u AWS_SESSION_TOKEN -u AWS_REGION -u http_proxy -u HTTP_PROXY -u https_proxy -u HTTPS_PROXY \
    AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE="$LAB_RUN/credentials" AWS_DEFAULT_REGION=us-east-1 \
    AWS_EC2_METADATA_DISABLED=true AWS_PAGER= CAISSON_INSTANCE="$LAB" PATH="$LAB_BIN:$PATH" "$@"
}

cmd_lab() {
  local verb=${1:-status} name=lab
  shift || true
  LAB_FLAG=
  if [[ ${1:-} == --instance ]]; then
    (($# >= 2)) || die "--instance needs a name"
    name=$2
    LAB_FLAG=" --instance $2"
    shift 2
  fi
  lab_names "$name"
  case "$verb" in
    up) lab_up "$@" ;;
    down) lab_down ;;
    status) lab_status ;;
    exec) lab_exec "$@" ;;
    # For the crash tests: one daemon again, after its end; and a further account's S3.
    start)
      need_root "lab start"
      case "${1:-}" in
        netd) lab_start_netd ;;
        endpointd) lab_start_endpointd ;;
        runnerd) lab_start_runnerd ;;
        s3) lab_start_s3 "${2:-}" ;;
        *) die "lab start netd|endpointd|runnerd, or s3 ACCOUNT" ;;
      esac
      ;;
    *) die "there is no 'lab $verb': up, down, status, exec" ;;
  esac
}
