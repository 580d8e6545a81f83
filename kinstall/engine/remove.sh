# shellcheck shell=sh
# The one way to take a folder away: nothing is removed through a mount, whatever file system it is of, and nothing
# through a link but what is in the folder that the link leads to.
#
# `rm --one-file-system` is not enough: a bind mount of the same file system looks like a folder to it.

# Every mount point, one per line. In the kernel's list a blank is \040, and so on.
mount_points() {
  sed -e 's/\\\([0-7]\)/\\0\1/g' /proc/self/mountinfo | while IFS=' ' read -r _ _ _ _ mount _; do
    case $mount in *\\*) mount=$(printf '%b.' "$mount") mount=${mount%.} ;; esac
    printf '%s\n' "$mount"
  done
}

# mounts_below FOLDER: those below a real path, the inner first.
mounts_below() {
  mount_points | while IFS= read -r mount; do
    case $mount in "${1%/}"/*) printf '%s\n' "$mount" ;; esac
  done | sort -r
}

# unmount_below FOLDER: never lazily: what is busy stays where people see it. What has just been killed may hold a mount
# for a moment.
unmount_below() {
  tries=0
  while [ -n "$(mounts_below "$1")" ] && [ $tries -lt 20 ]; do
    [ $tries = 0 ] || sleep 0.25
    tries=$((tries+1))
    mounts_below "$1" | while IFS= read -r mount; do umount -- "$mount" 2>/dev/null || :; done
  done
}

# remove_around FOLDER MOUNTS: all that is in the folder but the mounts (one per line) and the folders above them.
remove_around() {
  status=0
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    exists "$entry" || continue
    case "
$2
" in
    *"
$entry
"*) ;;
    *"
$entry/"*) ( remove_around "$entry" "$2" ) || status=1 ;;
    *) rm -rf --one-file-system -- "$entry" || status=1 ;;
    esac
  done
  return $status
}

# remove_content FOLDER: all that is in it; fails, with names, where something cannot be unmounted.
remove_content() {
  real=$(readlink -f -- "$1") || real=
  case $real in
  /*/*) ;;
  *) echo "$1 leads to ${real:-nowhere}: nothing is removed there"; return 1 ;;
  esac
  unmount_below "$real"
  mounts=$(mounts_below "$real")
  remove_around "$real" "$mounts" || return
  [ -n "$mounts" ] || return 0
  printf '%s\n' "$mounts" | while IFS= read -r mount; do
    echo "$mount is in use and cannot be unmounted: it is left with all that is in it"
  done
  return 1
}

# remove_tree PATH: the folder with all that is in it. A link to a folder and a mount point stay, empty.
remove_tree() {
  [ -d "$1" ] || { [ -h "$1" ] || rm -f -- "$1"; return; }
  remove_content "$1" || return
  [ -h "$1" ] || mount_points | grep -qxF -- "$(readlink -f -- "$1")" || rmdir -- "$1"
}
