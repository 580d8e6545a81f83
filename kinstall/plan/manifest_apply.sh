# shellcheck shell=sh
# Applies a manifest, and deletes the objects that only the one before it had.
#
# Set before: APPLY (the words of kubectl's apply), FILE, NAMES (a line per object of the manifest: RESOURCE NAMESPACE
# NAME), APPLIED (the file that keeps these lines of the last one), and kubectl, a function.
tries=0
# An object of a kind that the same file defines is refused until the API server serves that kind.
# shellcheck disable=SC2086 # words
until kubectl $APPLY -f "$FILE"; do
  tries=$((tries + 1))
  [ $tries -lt 15 ] || exit 1
  sleep 2
done
printf %s "$NAMES" >"$APPLIED.new"
if [ -e "$APPLIED" ]; then
  # The last first: an object before its kind.
  grep -vxFf "$APPLIED.new" "$APPLIED" | tac | while read -r kind namespace name; do
    error=$(kubectl -n "$namespace" delete "$kind" "$name" --ignore-not-found --wait=false </dev/null 2>&1) && continue
    case $error in *"doesn't have a resource type"*) continue ;; esac
    printf '%s\n' "$error"
    exit 1
  done
fi
mv "$APPLIED.new" "$APPLIED"
