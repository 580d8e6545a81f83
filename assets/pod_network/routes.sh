#!/bin/sh
# kinstall: the routes to the other nodes' pods.
#
# /etc/kinstall/routes holds a line "POD_RANGE NODE_ADDRESS" per peer. The routes carry a protocol number of their
# own: whatever else is in the table stays as it is.
#
#   up      set what is missing or differs, remove what is no longer listed
#   check   say what differs; exit 1 if something does
#   watch   stay, and set them again when the link towards the peers comes back
#   down    remove them all

list=${KINSTALL_ROUTES:-/etc/kinstall/routes}
proto=57

wanted() {
    while read -r range via _; do
        case $range in '' | '#'*) ;; *) echo "$range $via" ;; esac
    done <"$list"
}

present() {
    ip -4 route show proto "$proto" | while read -r range word via _; do
        [ "$word" = via ] && echo "$range $via"
    done
}

# Whether the lines in $1 hold the line $2.
holds() {
    case "
$1
" in *"
$2
"*) return 0 ;; esac
    return 1
}

up() {
    failed=0
    lines=$(wanted)
    now=$(present)
    while read -r range via; do
        [ -z "$range" ] || holds "$now" "$range $via" || ip -4 route replace "$range" via "$via" proto "$proto" || failed=1
    done <<END
$lines
END
    while read -r range via; do
        [ -z "$range" ] || holds "$lines" "$range $via" || ip -4 route del "$range" via "$via" proto "$proto" 2>/dev/null
    done <<END
$now
END
    return "$failed"
}

check() {
    differs=0
    lines=$(wanted)
    now=$(present)
    while read -r range via; do
        [ -z "$range" ] || holds "$now" "$range $via" || { echo "no route to $range via $via"; differs=1; }
    done <<END
$lines
END
    while read -r range via; do
        [ -z "$range" ] || holds "$lines" "$range $via" || { echo "a route to $range via $via, which is no peer's"; differs=1; }
    done <<END
$now
END
    return "$differs"
}

# The interface on the way to the first peer; empty where there is none.
device() {
    wanted | {
        read -r _ via || exit 0
        set -- $(ip -4 -o route get "$via" 2>/dev/null)
        while [ $# -gt 1 ]; do
            [ "$1" = dev ] && echo "$2" && exit 0
            shift
        done
    }
}

# Routes go when their link goes down. A deleted route alone stays deleted: somebody may have meant it.
watch() {
    ip -o monitor link address | while read -r line; do
        # Pods' own links come and go all day.
        case $line in *': veth'* | *': cni0'*) continue ;; esac
        link=$(device)
        [ -n "$link" ] || continue
        case $line in *": $link"[:@\ ]*) up ;; esac
    done
}

case ${1-} in
up | check | watch) "$1" ;;
down) ip -4 route flush proto "$proto" ;;
*)
    echo "usage: $0 up|check|watch|down" >&2
    exit 2
    ;;
esac
