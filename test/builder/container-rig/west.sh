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
# What the real one leaves about what it has read: a call for the config.
leave_records() {
  mkdir -p "$build/zephyr/kconfig"
  cat > "$build/CMakeCache.txt" <<END
CMAKE_CACHEFILE_DIR:INTERNAL=$build
CMAKE_HOME_DIRECTORY:INTERNAL=$PWD/zmk/app
ZMK_CONFIG:UNINITIALIZED=$config
KEYMAP_FILE:STRING=$config/corne.keymap
END
  echo "build build.ninja: RERUN_CMAKE | $PWD/zmk/app/CMakeLists.txt" > "$build/build.ninja"
  echo "$PWD/zmk/app/Kconfig" > "$build/zephyr/kconfig/sources.txt"
  echo 'CONFIG_BOARD="nice_nano_v2"' > "$build/zephyr/.config"
  printf 'empty_file.o:' > "$build/zephyr/zephyr.dts.pre.d"
  for file in "$config/corne.keymap" "$@"; do
    printf ' %s' "${file// /\\ }" >> "$build/zephyr/zephyr.dts.pre.d"
  done
  # Ninja's log: "a.o" was made of "/x.h", which is the image's.
  {
    printf '# ninjadeps\n\004\000\000\000\010\000\000\000a.o\000\377\377\377\377'
    printf '\010\000\000\000/x.h\376\377\377\377'
    printf '\020\000\000\200\000\000\000\000\001\000\000\000\000\000\000\000\001\000\000\000'
  } > "$build/.ninja_deps"
}
[ -f "$config/west.sh" ] && . "$config/west.sh"
echo "Building $shield for $board"
cat "$config/corne.keymap" zmk/app/src/main.c > "$build/zephyr/zmk.uf2"
