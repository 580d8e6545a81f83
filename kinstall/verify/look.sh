# shellcheck shell=sh disable=SC2034,SC2154
# list_objects TYPES: has kubectl list objects in the background; print_objects prints them.
list_objects() {
  begin_work
  { ask_api -n kube-system get "$1" -o json >"$work/json" 2>"$work/errors"; echo $? >"$work/status"; } &
}
print_objects() {
  wait
  read -r status <"$work/status"
  report "snapshot	$status	$(date +%s)"; cat "$work/json"
  report errors; cat "$work/errors"
}

# print_units UNITS: their states, and the last words of those that do not run.
print_units() {
  report units
  systemctl show -p Id,ActiveState,SubState,Result -- "$@"
  for unit; do
    systemctl is-active -q "$unit" && continue
    report "words	$unit"
    journalctl -u "$unit" -n 60 --no-pager -o cat 2>/dev/null
  done
}
