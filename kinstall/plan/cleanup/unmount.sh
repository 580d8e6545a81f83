# shellcheck shell=sh
# unmount_matching PATTERN: unmounts what is mounted at paths that match, the inner first. In /proc/mounts \040 and the
# like stand for blanks.
unmount_matching() {
  while read -r _ mount _; do
    # shellcheck disable=SC2254 # a pattern on purpose
    case $mount in $1) printf '%s\n' "$mount" ;; esac
  done </proc/mounts | sort -r | while IFS= read -r mount; do
    umount -l "$(printf '%b' "$mount")" 2>/dev/null || :
  done
}
