# shellcheck shell=sh disable=SC2034,SC2154
# print_routes ADDRESS…: how the node sends packets to each.
print_routes() {
  for address; do report "route	$address	$(ip -o route get "$address" 2>&1)"; done
}
