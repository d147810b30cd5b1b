#!/bin/sh
# The program `west` of the test image: takes what the real one takes, lets the config have its say (`west.sh` there, if
# there is one), and makes firmware of what it reads.
while [ $# -gt 0 ]; do
  case $1 in
    -d) build=$2 ;;
    -b) board=$2 ;;
    -DZMK_CONFIG=*) config=${1#*=} ;;
    -DSHIELD=*) shield=${1#*=} ;;
    -DUSER_CACHE_DIR=*) facts=${1#*=} ;;
  esac
  shift
done
if [ ! -f .west/config ]; then
  echo 'west: unknown command "build"; do you need to run this inside a workspace?'
  exit 1
fi
# As Zephyr does where the home directory has no `.cache`: into its sources, unless it is told another place.
mkdir -p "${facts:-zephyr/.cache}/ToolchainCapabilityDatabase" || exit 1
mkdir -p "$build/zephyr"
[ -f "$config/west.sh" ] && . "$config/west.sh"
echo "Building $shield for $board"
cat "$config/corne.keymap" zmk/app/src/main.c > "$build/zephyr/zmk.uf2"
