"""The sh functions that every program on a node begins with: its protocol, the fencing token and the lock.

`$D/owner` holds the run that owns the node: whoever wrote it last is obeyed, the programs of other runs end at their
next step. `$D/lock` is held (flock) by the one program that changes the node, and shared by those that look at it.
"""

from __future__ import annotations

from kinstall.engine.diff import STATE

SEPARATOR = "\x1e"
RUN = "/run/kinstall"
LOCK_SECONDS = 900
EXIT_BUSY = 75
EXIT_STOPPED = 76

HEAD = f"""\
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
unset CDPATH ENV
cd /
S={STATE} D={RUN}
say() {{ printf '\\036%s\\n' "$1" 2>/dev/null; }}
own() {{ o=; IFS= read -r o 2>/dev/null <$D/owner; [ "$o" = "$R" ]; }}
jobs=
# What runs in the background holds no lock: none of it may outlive the program.
halt() {{ [ -z "$jobs" ] || {{ kill $jobs 2>/dev/null; wait; }}; say stopped; exit {EXIT_STOPPED}; }}
# lock MODE: wait for a program of an earlier run, as long as this run owns the node and its operator listens.
lock() {{
  flock $1 -n 9 && return
  say busy; n=0
  until flock $1 -w 1 9; do
    own || halt; say beat || halt; n=$((n+1)); [ $n -lt {LOCK_SECONDS} ] || exit {EXIT_BUSY}
  done
}}
"""

APPLY = """\
trap '' HUP PIPE
# A step begins only while its run still owns the node and its operator still listens.
b() { i=$1; own || halt; say "begin	$1" || halt; }
e() { say "end	$1	$2"; }
die() { e "$i" "$1"; exit 1; }
mark() { printf '%s\\n' "$2" >$S/marks/$1; }
part() { printf '%s' "${1%/*}/.${1##*/}.kinstall"; }
is() { [ -e "$1" ] || [ -h "$1" ]; } # also a link that leads nowhere
keep() { is "$2" || ! is "$1" || cp -a -- "$1" "$2"; }
now() { read -r up _ </proc/uptime; up=${up%.*}; }
digest() {
  if command -v openssl >/dev/null 2>&1; then openssl dgst -sha256 -r -- "$1"; else sha256sum -- "$1"; fi
}
# A long command, in the background so that a TERM ends it (bg sets the trap).
leaf() { [ -z "$t" ] || return 143; "$@" & wait $!; s=$?; [ -z "$t" ] || wait $!; return $s; }
pull() { leaf ctr -n k8s.io images pull --hosts-dir /etc/containerd/certs.d "$1" && mark "$2" "$1"; } # REF MARK
# right SHA256 FILE NAME: it is that file; or a sentence and 1.
right() {
  got=$(digest "$2") && got=${got%% *}
  [ "$got" = "$1" ] || { echo "checksum of $3 is $got, not $1"; return 1; }
}
# load SHA256 NAME REF MARK: an image out of an archive that was sent, which is imported once, whatever is in it.
import() { [ -e "$2.done" ] || { right "$1" "$2" "$3" && leaf ctr -n k8s.io images import "$2" && : >"$2.done"; }; }
load() {
  a=$S/sent/$1
  { leaf flock 8 && import "$1" "$a" "the archive of $2" 8<&-; } 8<"$a" || return
  [ "$2" = "$3" ] || { ctr -n k8s.io images tag --force "$2" "$3" && ctr -n k8s.io images rm "$2"; } || return
  ctr -n k8s.io images label "$3" io.cri-containerd.pinned=pinned && mark "$4" "$3"
}
fetch() {
  if command -v curl >/dev/null 2>&1; then
    leaf curl -fsSL --retry 3 --retry-delay 1 --retry-connrefused --connect-timeout 10 \\
      --speed-time 30 --speed-limit 1000 -o "$2" -- "$1"
  else
    leaf wget -q -t 4 -T 30 -O "$2" -- "$1"
  fi
}
# get URL SHA256 PART: a file that is there and right, or a sentence and 1. What the operator sent is taken first.
get() {
  rm -f -- "$3"
  mv -f -- "$S/sent/$2" "$3" 2>/dev/null || fetch "$1" "$3" 2>"$3.err" ||
    { s=$?; echo "could not fetch $1 (exit $s): $(tail -n 1 "$3.err")"; rm -f -- "$3" "$3.err"; return 1; }
  rm -f -- "$3.err"
  right "$2" "$3" "$1" || { rm -f -- "$3"; return 1; }
}
stamps() { printf '%s' "$1"; shift; stat -c ' %s:%Y:%Z' -- "$@" | while IFS= read -r l; do printf '%s' "$l"; done; }
single() { # URL SHA256 PATH MODE MARK
  p=$(part "$3")
  get "$1" "$2" "$p" && chmod "$4" "$p" && chown 0:0 "$p" && mv -f -- "$p" "$3" && mark "$5" "$(stamps "$2" "$3")"
}
# bg STEP COMMAND…: in the background, its words told when it ends.
bg() {
  n=$1; shift
  ( t=; trap 't=1; kill $! 2>/dev/null' TERM
    if "$@" >$D/out.$R.$n 2>&1; then s=0; else s=$?; fi
    [ -z "$t" ] || [ $s = 0 ] || { rm -f $D/out.$R.$n; exit 143; }
    while IFS= read -r l; do say "out	$n	$l"; done <$D/out.$R.$n
    rm -f $D/out.$R.$n; [ $s = 0 ] && e $n 0 || { e $n $s; exit 1; } ) 9>&- </dev/null & jobs="$jobs $!"
}
# Waits for all that runs in the background; ends it when the node was taken over or nobody listens any more.
join() {
  ( while sleep 0.5 >/dev/null; do own && say beat || { kill $jobs; exit; }; done ) 9>&- </dev/null 2>/dev/null &
  w=$!; f=0
  for j in $jobs; do wait $j || f=1; done
  jobs=; kill $w 2>/dev/null; wait $w 2>/dev/null
  own || halt
  [ $f = 0 ] || exit 1
}
"""
