# shellcheck shell=sh disable=SC2034,SC2154
# In a check pod there are sh, curl and dig.
# fetch CHECK TARGET TRIES URL. Refusals are quick and may pass; two time-outs are enough.
fetch() {
  read_uptime; began=$uptime turn=1
  while
    output=$(curl -sSf -m 3 "$4" 2>&1); status=$?
    read_uptime
    [ $status != 0 ] && [ $turn -lt "$3" ] && [ $((${uptime%.*} - ${began%.*})) -lt 5 ]
  do
    turn=$((turn + 1)); sleep 1
  done
  report "$1	$2	$status	$began	$uptime	$output"
}
# resolve CHECK NAME
resolve() {
  read_uptime; began=$uptime
  output=$(dig +time=2 +tries=2 +noall +comments +answer "$2" A 2>&1); status=$?
  read_uptime; report "$1	$2	$status	$began	$uptime"
  printf '%s\n' "$output"
}
