# shellcheck shell=sh disable=SC2154 # mark is set before
# Whether sudo asks for the password, and whether it accepts the one on the input. One line, as bootstrap.sh.
exec 2>&1;
if sudo -k -n true;
then echo "${mark}open";
else echo "${mark}ask";
sudo -k -S -p "" true && echo "${mark}accepted";
fi
