# shellcheck shell=bash disable=SC2059,SC2154 # me and token are set before
# Opens connections to peers and sends them datagrams, as its input says: `tcp IP PORT BYTES` (BYTES, if any, are sent
# and the other end says when it has them) and `udp IP PORT BYTES`. Needs bash, which opens sockets by itself. Set
# before: me (the node's name), token (of this run, in all that is sent). A connection that gets no answer leaves no line.
echo 'kinstall-connect 1'
exec 2>&1

connect() { # IP PORT BYTES; what bash says when it cannot names the address and the cause
  {
    if ((!$3)); then
      echo "tcp $1 $2 open"
    elif printf "$token %0$3d\n" 0 >&3 && read -rt 3 -n 80 -u 3 && [[ $REPLY == "ok $token" ]]; then
      echo "tcp $1 $2 open"
    else
      echo "tcp $1 $2 lost"
    fi
  } 3<>"/dev/tcp/$1/$2"
}

send() { # FD BYTES: a small datagram, and one that with its headers is as large as the interface lets pass
  printf '%s %s small\n' "$token" "$me" >&"$1" || return
  printf "%-$(($2 - 1))s\n" "$token $me large" | dd bs="$2" iflag=fullblock count=1 status=none >&"$1"
} 2>/dev/null

peers=() tries=() datagrams=()
while read -r how ip port bytes; do
  peers+=("$ip")
  if [[ $how == udp ]]; then
    datagrams+=("$ip $port $bytes")
  else
    connect "$ip" "$port" "$bytes" </dev/null &
    tries+=($!)
  fi
done
# The kernel asks three times within this.
(read -rt 4 <> <(:); kill "${tries[@]}") 2>/dev/null &
watch=$!

sockets=()
for each in "${datagrams[@]}"; do
  read -r ip port bytes <<<"$each"
  exec {fd}<>"/dev/udp/$ip/$port" && sockets+=("$fd $each")
done
# Twice: one may get lost, and that a port is closed shows only at the next one.
for _ in 1 2; do
  for each in "${sockets[@]}"; do
    read -r fd ip port bytes <<<"$each"
    send "$fd" "$bytes" || echo "udp $ip $port refused"
  done
  [[ ${sockets[*]} ]] && sleep 0.3
done

wait "${tries[@]}"
kill $watch
wait

# What the kernel has learned about paths that bear less than the interface.
printf 'route get %s\n' "${peers[@]}" | sort -u | ip -o -force -batch - | while read -r line; do echo "route $line"; done
echo end
