# shellcheck shell=sh
# Whether a static pod's container ends again and again for the same reason, at once: then waiting is in vain.
# Set before: NOTES, a file that is empty at first: a line LOG WORDS for each start that was looked at.

# The kubelet keeps a container's output in /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, each line as
# TIME STREAM TAG TEXT, and of those that ended only the last one.
LOGS=${LOGS:-/var/log/pods} PROC=${PROC:-/proc}

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
last_words() { tail -n 1 "$1" | sed 's/^[^ ]* [^ ]* [^ ]* //; s/^[IWEF][0-9]* [0-9:.]* *[0-9]* //; s/[0-9-]*T[0-9:.]*Z//g; s/[[:space:]]*$//; s/^[[:space:]]*//'; }

# lived LOG: for how many seconds it was written to.
lived() {
  from=$(second "$(head -n 1 "$1")") && to=$(second "$(tail -n 1 "$1")") && echo $((to - from))
}

# is_in_vain CONTAINER PROGRAM: two of its starts that were looked at, the second of them at least the third of all, wrote
# for three seconds at most and ended with the same words. A program that waits for another takes longer; and what began
# before the wait may have failed for what is mended by now, so one more start decides.
is_in_vain() {
  # What a log ends with are its last words only once no such program runs.
  ! grep -qsx -- "$2" "$PROC"/[0-9]*/comm || return 1
  # shellcheck disable=SC2012
  log=$(ls -1t "$LOGS"/kube-system_"$1"-*/"$1"/*.log 2>/dev/null | head -n 1)
  [ -s "$log" ] && seconds=$(lived "$log") && [ "$seconds" -ge 0 ] && [ "$seconds" -le 3 ] || return 1
  words=$(last_words "$log"); number=${log##*/}; number=${number%.log}
  while read -r earlier said; do
    [ "$earlier" = "$log" ] && return 1
    case $number in 0 | 1 | *[!0-9]*) continue ;; esac
    if [ "$said" = "$words" ]; then
      echo "$1 was started $((number + 1)) times, and ends at once for the same reason"
      return 0
    fi
  done <"$NOTES"
  printf '%s %s\n' "$log" "$words" >>"$NOTES"
  return 1
}
