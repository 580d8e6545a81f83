# shellcheck shell=sh
# mounts_matching PATTERN: what is mounted at paths that match, the inner first, as /proc/mounts writes them: \040 and
# the like stand for blanks.
mounts_matching() {
  while read -r _ mount _; do
    # shellcheck disable=SC2254 # a pattern on purpose
    case $mount in $1) printf '%s\n' "$mount" ;; esac
  done </proc/mounts | sort -r
}

# unmount_matching PATTERN: never lazily: what is in use stays where people see it.
unmount_matching() {
  mounts_matching "$1" | while IFS= read -r mount; do umount "$(printf '%b' "$mount")" 2>/dev/null || :; done
}

# real_pattern PATH: the pattern of the path as /proc/mounts has it. It may be a link, or below one.
real_pattern() { readlink -f -- "$1" | sed 's/ /\\\\040/g'; }

# unmount_within FOLDER: what is mounted below it.
unmount_within() {
  real=$(real_pattern "$1")
  [ -z "$real" ] || unmount_matching "$real/*"
}
