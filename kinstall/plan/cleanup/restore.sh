# shellcheck shell=sh
# Puts back what save.sh remembered. The kubelet's and the plugins' chains go, and so do the tables that only they had
# filled. Of what was saved goes what was put back; notes of a pod network (network_look.sh) are not among it.
#
# Set before: SAVED, ONLINE_UNITS.
drop_chains 'KUBE-|CNI-'
if [ -e "$SAVED/tables" ]; then
  nft list tables 2>/dev/null | while IFS= read -r table; do
    case ${table##* } in nat | filter | mangle) ;; *) continue ;; esac
    grep -qxF "$table" "$SAVED/tables" && continue
    # Only a table of empty chains is taken away: any other line in it is another's rule.
    # shellcheck disable=SC2086 # `table ip nat` is three words
    rules=$(nft list $table 2>/dev/null | grep -vE '^(table |#|\})|^[[:space:]]*(chain .*|type .* hook .*|\})?$') || :
    # shellcheck disable=SC2086
    [ -n "$rules" ] || nft delete $table || :
  done
fi
left=0
if [ -e "$SAVED/sysctls" ]; then
  while IFS='=' read -r key value; do
    file=/proc/sys/$(printf %s "$key" | tr . /)
    # One whose module is gone has no value.
    [ -e "$file" ] && [ "$(cat "$file")" != "$value" ] || continue
    printf '%s\n' "$value" 2>/dev/null >"$file" || { echo "$key was $value and cannot be set to it"; left=1; }
  done <"$SAVED/sysctls"
fi
if [ -e "$SAVED/waiting" ]; then
  for unit in $ONLINE_UNITS; do
    ! systemctl is-active -q "$unit" || grep -qx "$unit" "$SAVED/waiting" || systemctl stop "$unit" || :
  done
fi
[ $left = 0 ] || exit 1
rm -f "$SAVED/sysctls" "$SAVED/tables" "$SAVED/waiting" "$SAVED/new"
[ ! -d "$SAVED" ] || rmdir "$SAVED" 2>/dev/null || :
