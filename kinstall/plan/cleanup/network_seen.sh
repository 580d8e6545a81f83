# shellcheck shell=sh
# Ends well where network_look.sh has looked at the node, and at each of the arguments: paths that the manifest mounts.
#
# Set before: SAVED.
[ -e "$SAVED/links" ] && for path do
  grep -qxF -- "$path" "$SAVED/seen" || exit 1
done
