# shellcheck shell=sh disable=SC2154 # mark and length are set before
# Reads a program of $length bytes and a line `MARK.` from its input, and runs the program with the rest of it.
# Made one line: every command ends with a semicolon. No single quote, backslash or exclamation mark: see become.py.
exec 2>&1;
umask 022;
echo "$mark+";
program=$(dd bs="$length" count=1 iflag=fullblock status=none) && IFS= read -r ending && [ "$ending" = "$mark." ] ||
{ echo "$mark-"; exit 125; };
( eval "$program" );
status=$?;
echo "$mark=$status";
exit "$status"
