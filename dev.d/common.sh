# shellcheck shell=bash
# Messages, long steps and who builds. Sourced by ./dev and by the demo.

: "${STARTED:=$(date +%s)}"
: "${LOG_DIR:=${TMPDIR:-/tmp}/caisson-dev.$(id -u)}"
export STARTED LOG_DIR

# say TEXT: a line with the seconds since the start.
say() { printf '[%4ds] %s\n' $(($(date +%s) - STARTED)) "$*"; }

die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

need_root() { ((EUID == 0)) || die "'$1' needs root: sudo ./dev $1"; }

# as_builder CMD...: CMD as the user who called sudo, so that build/ never ends up owned by root; else as we are.
as_builder() {
  if ((EUID == 0)) && [[ -n ${SUDO_UID:-} && ${SUDO_UID} != 0 ]]; then
    setpriv --reuid="$SUDO_UID" --regid="${SUDO_GID:-$SUDO_UID}" --init-groups -- \
      env HOME="$(getent passwd "$SUDO_UID" | cut -d: -f6)" "$@"
  else
    "$@"
  fi
}

# own PATH: gives a folder that root wrote to back to the builder.
own() {
  if ((EUID == 0)) && [[ -n ${SUDO_UID:-} && -e $1 ]]; then
    chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$1"
  fi
}

# step NAME TITLE CMD...: runs CMD with its output in a log; a line at the start, one every 20 seconds, and on
# failure the log's end and path.
step() {
  local name=$1 title=$2 log pid begun status=0
  shift 2
  mkdir -p "$LOG_DIR"
  log=$LOG_DIR/$name.log
  begun=$(date +%s)
  say "$title"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while ! timeout 20 tail -s 0.1 --pid="$pid" -f /dev/null; do
    say "  ... $(tail -n 1 "$log" | tr -dc '[:print:]' | cut -c1-100)"
  done
  wait "$pid" || status=$?
  if ((status != 0)); then
    tail -n 40 "$log" >&2
    die "$title: failed with status $status; all of its output is in $log"
  fi
  say "$title: done in $(($(date +%s) - begun)) s"
}
