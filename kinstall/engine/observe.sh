# shellcheck shell=sh
# What a node has, section by section; see parse_observation.

# take_node [take]: the node is this run's from now on; without `take` only one that nobody owns is taken (it was
# rebooted in the middle of the run).
take_node() {
  umask 077
  mkdir -p "$RUNDIR" "$STATE"
  if [ -n "$1" ] || [ ! -e "$RUNDIR/owner" ]; then printf '%s\n' "$RUN" >"$RUNDIR/owner"; fi
  umask 022
  exec 9>"$RUNDIR/lock"
  owned || halt
  lock -s
  owned || halt
}

# Whoever only looks waits for nobody, and leaves no trace.
look_at_node() {
  if [ -e "$RUNDIR/lock" ]; then exec 9<"$RUNDIR/lock"; flock -s -n 9 || say busy; fi
}

observe_tools() { for tool do command -v "$tool" >/dev/null 2>&1 && say tool "$tool"; done; }
observe_paths() { say paths; stat -c '%a|%U:%G|%F|%s:%Y:%Z|%n' -- "$@" 2>/dev/null; }

# A link to a folder is as good as a folder: its mode and owner are those of the folder that it leads to.
observe_folders() { say paths; stat -L -c '%a|%U:%G|%F|%s:%Y:%Z|%n' -- "$@" 2>/dev/null; }
observe_digests() { say digests; sha256sum -- "$@" 2>/dev/null; }

# A file system of its own has its lost+found, and is empty all the same.
observe_empty() {
  for folder do
    empty=1
    for entry in "$folder"/* "$folder"/.[!.]* "$folder"/..?*; do
      exists "$entry" || continue
      [ "$entry" = "$folder/lost+found" ] &&
        [ "$(stat -L -c %d -- "$folder")" != "$(stat -L -c %d -- "$folder/..")" ] && continue
      empty=; break
    done
    [ -z "$empty" ] || say empty "$folder"
  done
}

observe_units() {
  say units
  systemctl show -p Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload -- "$@"
  echo
}

observe_images() { names=$(image_list 2>/dev/null) && { say images; printf '%s\n' "$names"; }; }

observe_marks() {
  say marks
  for file in "$STATE"/marks/*; do
    [ -f "$file" ] || break
    IFS= read -r value <"$file"
    printf '%s %s\n' "${file##*/}" "$value"
  done
}

observe_record() { say record; [ ! -f "$STATE/record" ] || { cat "$STATE/record"; echo; }; }
