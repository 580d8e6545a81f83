# shellcheck shell=sh
# Whether a static pod's container ends again and again for the same reason, at once: then waiting is in vain.
# Set before: NOTES, a file that is empty at first.

# The kubelet keeps a container's output in /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, each line as
# TIME STREAM TAG TEXT, and of those that ended the last one.
LOGS=${LOGS:-/var/log/pods}

# second LINE: of its day; fails where the line does not begin with a time. Only digits may get into arithmetic.
second() {
  clock=${1#*T}; clock=${clock%%[.Z+]*}
  hour=${clock%%:*}; minute=${clock#*:}; minute=${minute%%:*}; second=${clock##*:}
  for part in "$hour" "$minute" "$second"; do
    case $part in [0-9][0-9]) ;; *) return 1 ;; esac
  done
  echo $((${hour#0} * 3600 + ${minute#0} * 60 + ${second#0}))
}

# last_words LOG: its last line without what differs from one start to the next: times, and the process's number.
last_words() { tail -n 1 "$1" | sed 's/^[^ ]* [^ ]* [^ ]* //; s/^[IWEF][0-9]* [0-9:.]* *[0-9]* //; s/[0-9-]*T[0-9:.]*Z//g'; }

# lived LOG: for how many seconds it was written to.
lived() {
  from=$(second "$(head -n 1 "$1")") && to=$(second "$(tail -n 1 "$1")") && echo $((to - from))
}

# newest_log CONTAINER
newest_log() {
  # shellcheck disable=SC2012
  ls -1t "$LOGS"/kube-system_"$1"-*/"$1"/*.log 2>/dev/null | head -n 1
}

# note_logs CONTAINER…: what began before the first look may have failed for what is mended by now.
note_logs() {
  [ ! -s "$NOTES" ] || return 0
  { echo seen; for name in "$@"; do newest_log "$name"; done; } >"$NOTES"
}

# is_in_vain CONTAINER: one of its starts that began after the first look, the third or a later one, has the last words
# of the start before it, and that one ended within three seconds: a program that waits for another takes longer.
is_in_vain() {
  log=$(newest_log "$1"); number=${log##*/}; number=${number%.log}
  case $number in '' | 0 | 1 | *[!0-9]*) return 1 ;; esac
  earlier=${log%/*}/$((number - 1)).log
  [ -s "$earlier" ] && ! grep -qxF -- "$log" "$NOTES" && seconds=$(lived "$earlier") || return 1
  [ "$seconds" -ge 0 ] && [ "$seconds" -le 3 ] && [ "$(last_words "$log")" = "$(last_words "$earlier")" ] || return 1
  echo "$1 was started $((number + 1)) times, and ends at once for the same reason"
}
