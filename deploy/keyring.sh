#!/bin/sh
# Makes a keyring file: one sealing key, one hash key, one lookup key, of 32 random bytes each.
#   deploy/keyring.sh [keyring.json]
set -eu
path=${1:-keyring.json}
if [ -e "$path" ]; then
  echo "$path exists; what it sealed would be lost with it, so it is left alone" >&2
  exit 1
fi
key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
umask 077
printf '{"seal":[{"version":1,"key":"%s"}],"hash":[{"version":1,"key":"%s"}],"lookup":"%s"}\n' "$(key)" "$(key)" "$(key)" >"$path"
echo "made $path; keep a copy where the database's backups are not"
