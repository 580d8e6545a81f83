# shellcheck shell=sh
# How steps are brought about. Set before: RUN.
trap '' HUP PIPE

fatal() { say fatal "$1"; exit 1; }

# A step begins only while its run still owns the node and its operator still listens.
step_begins() { step=$1; owned || halt; say begin "$1" || halt; }
step_ended() { say end "$1" "$2"; }
step_failed() { step_ended "$step" "$1"; exit 1; }

# set_mark MARK VALUE: with what a step was brought about.
set_mark() { printf '%s\n' "$2" >"$STATE/marks/$1"; }

# Where a file waits beside its destination.
waiting_path() { printf '%s' "${1%/*}/.${1##*/}.kinstall"; }

# keep_original PATH BACKUP: what is there before the first change; an earlier copy is never replaced.
keep_original() { exists "$2" || ! exists "$1" || cp -a -- "$1" "$2"; }

read_uptime() { read -r uptime _ </proc/uptime; uptime=${uptime%.*}; }
set_deadline() { read_uptime; deadline=$((uptime+$1)); }
is_late() { read_uptime; [ "$uptime" -ge "$deadline" ]; }

# What this program keeps for itself goes with it, however it ends.
leave() {
  rm -f "$RUNDIR/notes"
  [ -z "${stored-}" ] || rm -rf "$RUNDIR"/files.* "$STATE/sent" "$stored"
}

# A wait asks every three seconds whether it is in vain: that takes longer than a look whether it is over.
wait_begins() { NOTES=$RUNDIR/notes; trap leave EXIT; : >"$NOTES"; read_uptime; asks_at=$((uptime+3)); }
wait_goes_on() { [ "$uptime" -lt "$asks_at" ] || { asks_at=$((uptime+3)); return 1; }; }

# Before the work

# receive FILE: all that comes over the network comes before the lock: a dead link must not leave it held.
receive() {
  stored=$1
  trap leave EXIT
  umask 077; cat >"$stored" || fatal 'could not store what was sent'; umask 022
}

take_lock() {
  exec 9>"$RUNDIR/lock"
  lock -x
  owned || halt
  umask 077; mkdir -p "$STATE/backup" "$STATE/marks" || exit 1; umask 022
}

# record_entries <LINES: a crash may have cut the last line off, and what is added must not be glued to it.
record_entries() {
  [ -z "$(tail -c 1 "$STATE/record" 2>/dev/null)" ] || echo >>"$STATE/record"
  cat >>"$STATE/record" || exit 1
  sync "$STATE/record" 2>/dev/null || sync
}

forget_marks() { cd "$STATE/marks" && rm -f -- "$@"; cd / || exit 1; }
make_folders() { mkdir -p -- "$@" || fatal 'could not make directories'; }

unpack_received() {
  rm -rf "$RUNDIR"/files.*
  tar -xpmf "$stored" -C / 9>&- || fatal 'could not unpack files'
  rm -f "$stored"
}

# Steps

step_directory() { # INDEX PATH MODE OWNER
  step_begins "$1"
  mkdir -p -- "$2" && chmod "$3" "$2" && chown "$4" "$2" || step_failed 1
  step_ended "$1" 0
}

# make_way PATH: a folder cannot be replaced as a file can. A link to one goes alone.
make_way() { [ ! -d "$1" ] || if [ -h "$1" ]; then rm -f -- "$1"; else remove_tree "$1"; fi; }

step_file() { # INDEX PATH [BACKUP]
  step_begins "$1"
  [ -z "$3" ] || keep_original "$2" "$3" || step_failed 1
  make_way "$2" && mv -f -- "$(waiting_path "$2")" "$2" || step_failed 1
  step_ended "$1" 0
}

step_unit() { # INDEX NAME MARK DIGEST [start]
  step_begins "$1"
  if unit_is_up "$2" "$5" 9>&- 2>&1; then
    set_mark "$3" "$4"
    step_ended "$1" 0
    return
  fi
  { systemctl --no-pager -l -n 0 status "$2"; journalctl -u "$2" -n 30 --no-pager -o cat; } 2>&1
  step_failed 1
}

unit_is_up() { # NAME [start]
  [ -z "$2" ] || { systemctl restart "$1" && systemctl is-active -q "$1"; } || return
  systemctl is-enabled -q "$1"
}

# Downloads and images, which go on beside one another

sha256_of() {
  if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r -- "$1"; else sha256sum -- "$1"; fi
}

# interruptible COMMAND…: in the background, so that a TERM ends it (start_background sets the trap).
interruptible() {
  [ -z "$terminated" ] || return 143
  "$@" & wait $!; status=$?
  [ -z "$terminated" ] || wait $!
  return $status
}

# check_sha256 SHA256 FILE NAME: it is that file; or a sentence and 1.
check_sha256() {
  digest=$(sha256_of "$2") && digest=${digest%% *}
  [ "$digest" = "$1" ] || { echo "checksum of $3 is $digest, not $1"; return 1; }
}

fetch() { # URL FILE
  if command -v curl >/dev/null 2>&1; then
    interruptible curl -fsSL --retry 3 --retry-delay 1 --retry-connrefused --connect-timeout 10 \
      --speed-time 30 --speed-limit 1000 -o "$2" -- "$1"
  else
    interruptible wget -q -t 4 -T 30 -O "$2" -- "$1"
  fi
}

# obtain URL SHA256 FILE: it is there and right; or a sentence and 1. What the operator sent is taken first.
obtain() {
  rm -f -- "$3"
  mv -f -- "$STATE/sent/$2" "$3" 2>/dev/null || fetch "$1" "$3" 2>"$3.err" || {
    status=$?
    echo "could not fetch $1 (exit $status): $(tail -n 1 "$3.err")"
    rm -f -- "$3" "$3.err"
    return 1
  }
  rm -f -- "$3.err"
  check_sha256 "$2" "$3" "$1" || { rm -f -- "$3"; return 1; }
}

# put FILE DESTINATION MODE: whole or not at all; `stamps` grows by the destination's.
put() {
  chmod "$3" "$1" && chown 0:0 "$1" && mv -f -- "$1" "$2" && stamps="$stamps $(stat -c '%s:%Y:%Z' -- "$2")"
}

download_file() { # URL SHA256 MARK MODE DESTINATION
  waiting=$(waiting_path "$5") stamps=$2
  obtain "$1" "$2" "$waiting" && put "$waiting" "$5" "$4" && set_mark "$3" "$stamps"
}

download_members() { # URL SHA256 MARK MODE (NAME DESTINATION)…
  mark=$3 mode=$4 stamps=$2 archive=$(waiting_path "$6").tgz folder=$(waiting_path "$6").d
  obtain "$1" "$2" "$archive" && rm -rf -- "$folder" && mkdir -- "$folder" &&
    tar -xzf "$archive" -C "$folder" || return
  shift 4
  while [ $# -gt 0 ]; do
    # Another file system may begin at the destination: only beside it is a rename whole.
    waiting=$(waiting_path "$2")
    mv -f -- "$folder/$1" "$waiting" && put "$waiting" "$2" "$mode" || return
    shift 2
  done
  rm -rf -- "$archive" "$folder" && set_mark "$mark" "$stamps"
}

# image_pull, image_load, image_tag, image_remove and image_pin are the container runtime's, put in by apply_program.

pull_image() { image_pull "$1" && set_mark "$2" "$1"; } # REF MARK

# import_archive SHA256 FILE NAME: once, whatever is in it.
import_archive() { [ -e "$2.done" ] || { check_sha256 "$1" "$2" "$3" && image_load "$2" && : >"$2.done"; }; }

import_image() { # SHA256 NAME REF MARK: out of an archive that was sent
  archive=$STATE/sent/$1
  # shellcheck disable=SC2094 # the lock is on what is read
  { interruptible flock 8 && import_archive "$1" "$archive" "the archive of $2" 8<&-; } 8<"$archive" || return
  [ "$2" = "$3" ] || { image_tag "$2" "$3" && image_remove "$2"; } || return
  image_pin "$3" && set_mark "$4" "$3"
}

# start_background INDEX COMMAND…: its output is passed on when it ends.
start_background() {
  index=$1 output=$RUNDIR/out.$RUN.$1; shift
  (
    terminated=; trap 'terminated=1; kill $! 2>/dev/null' TERM
    if "$@" >"$output" 2>&1; then status=0; else status=$?; fi
    [ -z "$terminated" ] || [ $status = 0 ] || { rm -f "$output"; exit 143; }
    while IFS= read -r text; do say out "$index" "$text"; done <"$output"
    rm -f "$output"
    step_ended "$index" $status
    [ $status = 0 ]
  ) 9>&- </dev/null &
  jobs="$jobs $!"
}

# Waits for all that runs in the background; ends it when the node was taken over or nobody listens any more.
join_background() {
  # shellcheck disable=SC2086 # a list of numbers
  ( while sleep 0.5 >/dev/null; do owned && say beat || { kill $jobs; exit; }; done ) 9>&- </dev/null 2>/dev/null &
  watcher=$! failed=
  for job in $jobs; do wait "$job" || failed=1; done
  jobs=; kill $watcher 2>/dev/null; wait $watcher 2>/dev/null
  owned || halt
  [ -z "$failed" ] || exit 1
}
