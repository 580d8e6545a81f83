# shellcheck shell=sh disable=SC2034,SC2154
# call_with_token ADDRESS: the API at this address with the pod's token. The name is given its address: whether names
# resolve is another check. The token goes through a pipe: every process of the node can read arguments.
call_with_token() {
  secrets=/var/run/secrets/kubernetes.io/serviceaccount
  read_uptime; began=$uptime
  output=$(printf 'header = "Authorization: Bearer %s"\n' "$(cat $secrets/token)" |
    curl -sS -m 5 --resolve "kubernetes.default.svc:443:$1" --cacert $secrets/ca.crt -o /dev/null -w '%{http_code}' \
      -K - https://kubernetes.default.svc/api 2>&1)
  status=$?
  read_uptime; report "token	api	$status	$began	$uptime	$output"
}
