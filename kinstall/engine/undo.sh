# shellcheck shell=sh
# How entries of the node's record are undone. Set before: RUN.
trap '' HUP PIPE
failed=0

step_begins() { owned || halt; say begin "$1"; }
step_ended() { say end "$1" "$2"; [ "$2" = 0 ] || failed=1; }

take_lock() {
  owned || halt
  exec 9>"$RUNDIR/lock"
  lock -x
}

# put_back PATH BACKUP: with its old content, mode, owner and times, which cp -a kept.
put_back() {
  exists "$2" || return 0
  if [ -d "$1" ] && [ ! -h "$1" ]; then remove_tree "$1"; else rm -f -- "$1"; fi && mv -f -- "$2" "$1"
}

# A folder that others put something into stays.
remove_folder() { rmdir -- "$1" 2>/dev/null || :; }

empty_folder() { [ ! -d "$1" ] || remove_content "$1"; }

# restore_folder PATH MODE OWNER. 777 of a link is the link's own mode: earlier versions recorded that.
restore_folder() {
  [ -d "$1" ] || return 0
  { [ -h "$1" ] && [ "$2" = 777 ]; } || chmod "$2" "$1" || return
  chown "$3" "$1"
}

stop_unit() { systemctl stop "$1" || systemctl kill -s KILL "$1" || :; }
disable_unit() { systemctl --no-reload disable -q "$1" 2>/dev/null || :; }

# restart_unit NAME MARK: its files were put back by the entries before this one only when it is undone first.
restart_unit() { rm -f "$STATE/marks/$2"; systemctl restart "$1" || :; }

# remove_own FOLDER: one of kinstall's own, which may be a link or a mount point that was there before.
remove_own() {
  [ -d "$1" ] || return 0
  remove_content "$1" || return
  [ -h "$1" ] || is_mount_point "$1" || rmdir -- "$1"
}

# finish INDEX: kinstall's own folders go only when all was undone. It is heard of as a step where they cannot.
finish() {
  systemctl daemon-reload
  systemctl reset-failed 2>/dev/null
  [ $failed != 0 ] || words=$( { remove_own "$STATE" && remove_own "$RUNDIR"; } 2>&1) || {
    say begin "$1"; printf '%s\n' "$words"; step_ended "$1" 1
  }
  say 'done'
  exit $failed
}
