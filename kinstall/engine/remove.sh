# shellcheck shell=sh
# The one way to take a folder away: nothing is removed through a mount, whatever file system it is of, and nothing
# through a link but what is in the folder that the link led to before anything was installed.
#
# `rm --one-file-system` is not enough: a bind mount of the same file system looks like a folder to it, and what is named
# to it may be another file system itself. A subvolume (btrfs) that is in a folder is another file system, too: it may be
# mounted elsewhere or be in a snapshot's chain, so it stays and is named. A dataset of zfs is a mount like any other.

# Every mount point, one per line. In the kernel's list a blank is \040, and so on.
mount_points() {
  sed -e 's/\\\([0-7]\)/\\0\1/g' /proc/self/mountinfo | while IFS=' ' read -r _ _ _ _ mount _; do
    case $mount in *\\*) mount=$(printf '%b.' "$mount") mount=${mount%.} ;; esac
    printf '%s\n' "$mount"
  done
}

is_mount_point() { mount_points | grep -qxF -- "$(readlink -f -- "$1")"; }

# mounts_below FOLDER [too]: those below a real path, the inner first; with a second word also what is mounted at it.
mounts_below() {
  mount_points | while IFS= read -r mount; do
    case $mount in "${1%/}"/*) ;; "$1") [ -n "$2" ] || continue ;; *) continue ;; esac
    printf '%s\n' "$mount"
  done | sort -r
}

# unmount_below FOLDER [too]: never lazily: what is busy stays where people see it. What has just been killed may hold a
# mount for a moment.
unmount_below() {
  tries=0
  while [ -n "$(mounts_below "$1" "$2")" ] && [ $tries -lt 12 ]; do
    [ $tries = 0 ] || sleep 0.25
    tries=$((tries+1))
    mounts_below "$1" "$2" | while IFS= read -r mount; do umount -- "$mount" 2>/dev/null || :; done
  done
}

# unmount_within PATH [too]: the same for any path: it may be a link, or below one.
unmount_within() {
  real=$(readlink -f -- "$1") || return 0
  unmount_below "$real" "$2"
}

# remove_entry PATH DEVICE: with all that is in it, as far as that is on this device.
remove_entry() {
  if [ -d "$1" ] && [ ! -h "$1" ] && [ "$(stat -c %d -- "$1")" != "$2" ]; then
    words="rm: skipping '$1', since it's on a different device"
  else
    words=$(rm -rf --one-file-system -- "$1" 2>&1) && return
  fi
  printf '%s\n' "$words" | sed "s/^rm: skipping '\(.*\)', since it's on a different device$/\1 is a file system of its\
 own (a subvolume): it is left with all that is in it/"
  return 1
}

# remove_around FOLDER KEPT: all that is in the folder but what is to be kept (one path per line) and the folders above.
remove_around() {
  status=0 device=$(stat -c %d -- "$1")
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || [ -h "$entry" ] || continue
    case "
$2
" in
    *"
$entry
"*) ;;
    *"
$entry/"*) ( remove_around "$entry" "$2" ) || status=1 ;;
    *) remove_entry "$entry" "$device" || status=1 ;;
    esac
  done
  return $status
}

# remove_content FOLDER: all that is in it, also where it is a link to a folder, or a mount point (but for the lost+found
# of that file system). Fails, with names, where something cannot be unmounted.
remove_content() {
  real=$(readlink -f -- "$1") || real=
  case $real in
  '' | / | /bin | /boot | /dev | /etc | /home | /lib | /lib64 | /media | /mnt | /opt | /proc | /root | /run | /sbin | \
    /srv | /sys | /tmp | /usr | /usr/local | /var | /var/lib | /var/log)
    echo "$1 leads to ${real:-nowhere}: nothing is removed there"
    return 1
    ;;
  esac
  unmount_below "$real"
  mounts=$(mounts_below "$real")
  kept=$mounts
  ! is_mount_point "$real" || kept="$mounts
$real/lost+found"
  remove_around "$real" "$kept"
  removed=$?
  [ -n "$mounts" ] || return $removed
  printf '%s\n' "$mounts" | while IFS= read -r mount; do
    echo "$mount is in use and cannot be unmounted: it is left with all that is in it"
  done
  return 1
}

# remove_tree PATH: what was made since the installation began: a folder with all that is in it, or anything else. What
# was mounted at it came later still: it is unmounted, and its content stays. So does a link that came later, with what
# it leads to.
remove_tree() {
  if [ -h "$1" ]; then
    [ -d "$1" ] || return 0
    echo "$1 is a link that kinstall did not make: it is left, with all that is in $(readlink -f -- "$1")"
    return 1
  fi
  [ -d "$1" ] || { rm -f -- "$1"; return; }
  unmount_within "$1" too
  if is_mount_point "$1"; then
    echo "$1 is in use and cannot be unmounted: it is left with all that is in it"
    return 1
  fi
  remove_content "$1" && rmdir -- "$1"
}
