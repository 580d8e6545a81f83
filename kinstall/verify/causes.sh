# shellcheck shell=sh disable=SC2034,SC2154
# print_warnings NAMESPACE: its warning events as JSON.
print_warnings() {
  report events
  ask_api -n "$1" get events --field-selector type=Warning -o json 2>/dev/null
}
# print_last_words NAMESPACE POD CONTAINER: a container's last lines; of one that was restarted, its predecessor's.
print_last_words() {
  report "log	$2"
  ask_api -n "$1" logs "$2" -c "$3" --tail=30 --previous 2>/dev/null ||
    ask_api -n "$1" logs "$2" -c "$3" --tail=30 2>/dev/null
}
