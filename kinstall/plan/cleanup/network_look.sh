# shellcheck shell=sh
# Remembers what is there before a third-party pod network comes: the links, the files in the CNI's folders, and which
# of the arguments (paths that its pods mount) are missing, with the folders above them.
#
# Set before: SAVED, CNI_FOLDERS.
umask 077
mkdir -p "$SAVED"
touch "$SAVED/seen" "$SAVED/absent"
[ -e "$SAVED/cni" ] || {
  # shellcheck disable=SC2086 # a list
  find $CNI_FOLDERS -mindepth 1 -maxdepth 1 >"$SAVED/new" 2>/dev/null || :
  mv "$SAVED/new" "$SAVED/cni"
}
for path do
  if grep -qxF -- "$path" "$SAVED/seen"; then continue; fi
  if [ ! -e "$path" ]; then
    echo "tree $path" >>"$SAVED/absent"
    folder=${path%/*}
    while [ -n "$folder" ] && [ ! -e "$folder" ]; do
      echo "folder $folder" >>"$SAVED/absent"
      folder=${folder%/*}
    done
  fi
  printf '%s\n' "$path" >>"$SAVED/seen"
done
[ -e "$SAVED/links" ] || {
  ip -o link show | cut -d: -f2 | cut -d@ -f1 | tr -d ' ' >"$SAVED/new"
  mv "$SAVED/new" "$SAVED/links"
}
