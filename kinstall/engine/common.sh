# shellcheck shell=sh
# What every program on a node begins with: its protocol, the fencing token and the lock.
#
# $RUNDIR/owner holds the run that owns the node: whoever wrote it last is obeyed, the programs of other runs end at
# their next step. $RUNDIR/lock is held (flock) by the one program that changes the node, and shared by those that look
# at it.
#
# Set before: STATE, RUNDIR, LOCK_SECONDS, EXIT_BUSY, EXIT_STOPPED; in the programs of a run also RUN, its name.
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV
cd /
jobs=

# say WORD [FIELD]…: a line of the protocol, written at once.
say() {
  line=$1; shift
  for field do line="$line	$field"; done
  printf '\036%s\n' "$line" 2>/dev/null
}

exists() { [ -e "$1" ] || [ -h "$1" ]; } # also a link that leads nowhere

owned() { owner=; IFS= read -r owner 2>/dev/null <"$RUNDIR/owner"; [ "$owner" = "$RUN" ]; }

# What runs in the background holds no lock: none of it may outlive the program.
# shellcheck disable=SC2086 # a list of numbers
halt() { [ -z "$jobs" ] || { kill $jobs 2>/dev/null; wait; }; say stopped; exit "$EXIT_STOPPED"; }

# Ends the program when another run took the node over or nobody listens any more.
beat() { owned || halt; say beat || halt; }

# lock -s|-x: waits for a program of an earlier run, as long as this run owns the node and its operator listens.
lock() {
  flock "$1" -n 9 && return
  say busy; seconds=0
  until flock "$1" -w 1 9; do
    beat; seconds=$((seconds+1)); [ $seconds -lt "$LOCK_SECONDS" ] || exit "$EXIT_BUSY"
  done
}
