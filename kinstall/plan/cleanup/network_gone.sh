# shellcheck shell=sh
# Takes away what a third-party pod network left, as far as it differs from everything else: links that came since
# network_look.sh and have an address of $PODS (CIDR), routes to there, files in the CNI's folders and in paths that the
# manifest mounts which came since, and chains of the networks that are known by name. Tables of nftables, `ip rule`s
# and eBPF programs stay: nothing in them says where they come from.
#
# Set before: SAVED, CNI_FOLDERS, PODS.
[ -e "$SAVED/links" ] || exit 0
in_use=
ip -4 -o address show to "$PODS" 2>/dev/null | while read -r _ name _; do
  if grep -qxF -- "$name" "$SAVED/links"; then continue; fi
  # A pod's link goes with its network namespace, which may take a while.
  ip -o link show master "$name" type veth 2>/dev/null | while IFS=': @' read -r _ port _; do
    ip link delete "$port" 2>/dev/null || :
  done
  ip link delete "$name" 2>/dev/null || :
done
ip -4 route flush root "$PODS" 2>/dev/null || :
drop_chains 'FLANNEL-|cali-|CILIUM_'
for folder in $CNI_FOLDERS; do
  grep -qxF "$folder" "$SAVED/seen" || continue
  for file in "$folder"/* "$folder"/.[!.]*; do
    [ -e "$file" ] || [ -h "$file" ] || continue
    grep -qxF -- "$file" "$SAVED/cni" || rm -rf --one-file-system -- "$file"
  done
done
while read -r what path; do
  case $what in
  tree)
    unmount_within "$path"
    [ -z "$real" ] || unmount_matching "$real"
    # A bind mount of the same file system looks like a folder to rm: where one is left, all of it stays.
    if [ -n "$real" ] && [ -n "$(mounts_matching "$real")$(mounts_matching "$real/*")" ]; then
      echo "$path is in use and cannot be unmounted: it is left with all that is in it"
      in_use=1
    else
      rm -rf --one-file-system -- "$path"
    fi
    ;;
  folder) rmdir -- "$path" 2>/dev/null || : ;;
  esac
done <"$SAVED/absent"
[ -z "$in_use" ]
