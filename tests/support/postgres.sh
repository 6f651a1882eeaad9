# shellcheck shell=bash
# A PostgreSQL of Debian's in a temporary folder, run in a network namespace as the user postgres.

# postgres_as CMD...
postgres_as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }

postgres_bin() {
  local folders=(/usr/lib/postgresql/*/bin)
  echo "${folders[-1]}"
}

# postgres_make FOLDER: a cluster for md5 passwords, listening on all of its namespace's addresses.
postgres_make() {
  local folder=$1
  chown postgres: "$folder"
  postgres_as "$(postgres_bin)/initdb" -D "$folder/data" --no-sync -E UTF8 --auth-local=peer --auth-host=md5
  cat >>"$folder/data/postgresql.conf" <<CONF
listen_addresses = '*'
unix_socket_directories = '$folder'
password_encryption = md5
fsync = off
CONF
  echo 'host all all 0.0.0.0/0 md5' >>"$folder/data/pg_hba.conf"
}

# postgres_start NETNS FOLDER
postgres_start() {
  nsenter --net="/run/netns/$1" -- setpriv --reuid=postgres --regid=postgres --init-groups -- \
    "$(postgres_bin)/pg_ctl" -D "$2/data" -l "$2/log" -w -t 60 start
}

postgres_stop() { [[ ! -e $1/data/postmaster.pid ]] || postgres_as "$(postgres_bin)/pg_ctl" -D "$1/data" -w -m immediate stop; }

# postgres_psql FOLDER DATABASE: SQL from stdin, over the unix socket.
postgres_psql() { postgres_as psql -q -v ON_ERROR_STOP=1 -h "$1" -d "$2"; }
