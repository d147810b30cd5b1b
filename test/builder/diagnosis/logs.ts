// Output of failed Zephyr builds, shortened where the diagnosis does not depend on it.

const HEAD = `-- west build: generating a build system
Loading Zephyr default modules (Zephyr base).
-- Application: /tmp/zmk-config/zmk/app
-- CMake version: 3.30.0
-- Cache files will be written to: /tmp/zmk-config/zephyr/.cache
-- Zephyr version: 3.5.0 (/tmp/zmk-config/zephyr)
-- Found west (found suitable version "1.2.0", minimum required is "0.14.0")
-- ZMK Config directory: /tmp/zmk-config/config
-- ZMK Config Kconfig: /tmp/zmk-config/config/corne.conf
-- Using keymap file: /tmp/zmk-config/config/corne.keymap
`;

const DTS_TAIL = `CMake Error at /tmp/zmk-config/zephyr/cmake/modules/dts.cmake:279 (message):
  gen_defines.py failed with return code: 1
Call Stack (most recent call first):
  /tmp/zmk-config/zephyr/cmake/modules/zephyr_default.cmake:129 (include)
  /tmp/zmk-config/zephyr/share/zephyr-package/cmake/ZephyrConfig.cmake:66 (include)
  /tmp/zmk-config/zephyr/share/zephyr-package/cmake/ZephyrConfig.cmake:92 (include_boilerplate)
  CMakeLists.txt:9 (find_package)


-- In: /tmp/tmp.1wHnkLiIMw/zephyr, command: /usr/bin/python3;/tmp/zmk-config/zephyr/scripts/dts/gen_defines.py;--dts;/tmp/tmp.1wHnkLiIMw/zephyr/zephyr.dts.pre;--dtc-flags;'';--bindings-dirs;/tmp/zmk-config/zmk/app/dts/bindings
-- Configuring incomplete, errors occurred!
FATAL ERROR: command exited with status 1: /usr/bin/cmake -DWEST_PYTHON=/usr/bin/python3 -B/tmp/tmp.1wHnkLiIMw -GNinja -DBOARD=nice_nano_v2 -DZMK_CONFIG=/tmp/zmk-config/config -DSHIELD=corne_left -S/tmp/zmk-config/zmk/app
`;

const INVALID_TAIL = (
  what: string,
) => `CMake Error at /tmp/zmk-config/zephyr/cmake/modules/${what}s.cmake:134 (message):
  Invalid ${what.toUpperCase()}; see above.
Call Stack (most recent call first):
  /tmp/zmk-config/zephyr/cmake/modules/zephyr_default.cmake:129 (include)
  CMakeLists.txt:9 (find_package)


-- Configuring incomplete, errors occurred!
FATAL ERROR: command exited with status 1: /usr/bin/cmake -DWEST_PYTHON=/usr/bin/python3 -B/tmp/tmp.1wHnkLiIMw -GNinja
`;

/** dtlib: at a line of a config file, as on the machine that compiled. */
export const parseError = (line: number, said: string, file = 'corne.keymap') =>
  `${HEAD}-- Found devicetree overlay: /tmp/zmk-config/config/corne.keymap
devicetree error: /tmp/zmk-config/config/${file}:${line} (column 164): parse error: ${said}
${DTS_TAIL}`;

/** dtlib: when the keymap ends too early, reported at the end of all sources. */
export const endError = (said: string) =>
  `${HEAD}-- Found devicetree overlay: /tmp/zmk-config/config/corne.keymap
devicetree error: /tmp/zmk-config/zephyr/misc/empty_file.c:1 (column 1): parse error: ${said}
${DTS_TAIL}`;

/** edtlib: about the tree, which has no line numbers. */
export const treeError = (said: string) =>
  `${HEAD}-- Found devicetree overlay: /tmp/zmk-config/config/corne.keymap
devicetree error: ${said}
${DTS_TAIL}`;

export const NO_BINDING_CELLS = treeError(
  `<Node /soc/gpio@50000300 in '/tmp/tmp.vJq9sMwkcY/zephyr/misc/empty_file.c'> lacks #binding-cells`,
);

export const MIX_OF_PHANDLES = treeError(
  `expected property 'bindings' in /keymap/layer_6 in nice_nano.dts.pre.tmp to be assigned with 'bindings = < &foo 1 2 ... &bar 3 4 ... >' (a mix of phandles and numbers), not 'bindings = < &none &none >;'`,
);

export const UNDECLARED_BINDING = `${HEAD}[34/321] Building C object CMakeFiles/app.dir/src/keymap.c.obj
FAILED: CMakeFiles/app.dir/src/keymap.c.obj
ccache /opt/zephyr-sdk-0.16.3/arm-zephyr-eabi/bin/arm-zephyr-eabi-gcc -DKERNEL -DNRF52840_XXAA -D__ZEPHYR__=1 -I/tmp/zmk-config/zmk/app/include -c /tmp/zmk-config/zmk/app/src/keymap.c
In file included from /tmp/zmk-config/zephyr/include/zephyr/devicetree.h:18,
                 from /tmp/zmk-config/zmk/app/src/keymap.c:8:
/__w/zmk-config/zmk-config/build/zephyr/include/generated/devicetree_generated.h:3756:145: error: 'DT_N_S_keymap_S_symbol_layer_P_bindings_IDX_12_PH_P_label' undeclared here (not in a function); did you mean 'DT_N_S_keymap_S_symbol_layer_P_bindings_IDX_16_PH'?
ninja: build stopped: subcommand failed.
FATAL ERROR: command exited with status 1: /usr/bin/cmake --build /tmp/tmp.1wHnkLiIMw
`;

export const NO_SHIELD = `${HEAD}No shield named 'corne_letf' found
Please choose from among the following shields:
a_dux_left
a_dux_right
corne_left
corne_right
cradio_left
${INVALID_TAIL('shield')}`;

export const HALF_OF_A_SHIELD = NO_SHIELD.replace('corne_letf', 'corne');

/** Zephyr 3: all boards, by architecture. */
export const NO_BOARD = `${HEAD}No board named 'nice_nano_v3' found.

Please choose one of the following boards:

arm:
  nice_60
  nice_nano
  nice_nano_v2
  nrfmicro_11
posix:
  native_posix
${INVALID_TAIL('board')}`;

/** Zephyr 4: boards with similar names. */
export const NO_BOARD_LATER = `${HEAD}No board named 'xiao_bel' found. Did you mean:

xiao_ble
xiao_rp2040

Run 'west boards' for the full list.
${INVALID_TAIL('board')}`;

export const NO_QUALIFIERS = `${HEAD}CMake Error at /tmp/zmk-config/zephyr/cmake/modules/boards.cmake:320 (message):
  Board qualifiers \`/nrf52840/zkm\` for board \`nice_nano\` not found.  Please
  specify a valid board target.

  Valid board targets for nice_nano are:

  nice_nano/nrf52840
  nice_nano/nrf52840/zmk

Call Stack (most recent call first):
  /tmp/zmk-config/zephyr/cmake/modules/zephyr_default.cmake:132 (include)
-- Configuring incomplete, errors occurred!
`;

/** Kconfig's own output, after the output of the build. */
const kconfig = (
  warnings: string,
) => `${HEAD}-- Including generated dts.cmake file: /tmp/tmp.1wHnkLiIMw/zephyr/dts.cmake

warning: ZMK_USB (defined at /tmp/zmk-config/zmk/app/Kconfig:121) was assigned the value 'y' but got the
value 'n'. Check these unsatisfied dependencies: (!ZMK_SPLIT || (ZMK_SPLIT && ZMK_SPLIT_ROLE_CENTRAL))
(=n). See http://docs.zephyrproject.org/latest/kconfig.html#CONFIG_ZMK_USB and/or look up ZMK_USB in the
menuconfig/guiconfig interface.


warning: Deprecated symbol KSCAN is enabled.


${warnings}
Parsing /tmp/zmk-config/zmk/app/Kconfig
Loaded configuration '/tmp/zmk-config/zmk/app/boards/arm/nice_nano/nice_nano_v2_defconfig'
Merged configuration '/tmp/zmk-config/config/corne.conf'

error: Aborting due to Kconfig warnings

CMake Error at /tmp/zmk-config/zephyr/cmake/modules/kconfig.cmake:348 (message):
  command failed with return code: 1
`;

const inConf = (said: string) => kconfig(`/tmp/zmk-config/config/corne.conf:2: warning: ${said}`);

export const UNDEFINED_SYMBOL = inConf("attempt to assign the value 'y' to the undefined symbol ZMK_SLEPE");
export const INVALID_VALUE = inConf(
  "'soon' is not a valid value for the int symbol ZMK_IDLE_TIMEOUT (defined at /tmp/zmk-config/zmk/app/Kconfig:334). Assignment ignored.",
);
export const MALFORMED_STRING = inConf(
  'malformed string literal in assignment to ZMK_KEYBOARD_NAME (defined at /tmp/zmk-config/zmk/app/Kconfig:7). Assignment ignored.',
);
export const MALFORMED_LINE = inConf("ignoring malformed line 'ZMK_SLEEP=y'");

/** A module that the manifest omits, or that is missing. */
export const UNMET_SELECT = kconfig(
  `warning: MBEDTLS (defined at modules/mbedtls/Kconfig:19) has direct dependencies 0 with value n, but is currently being y-selected by the following symbols:
 - BT_ECC (defined at subsys/bluetooth/host/Kconfig:999), with value y, direct dependencies BT_HCI_HOST (value: y)`,
);

export const NO_KEYMAP = `${HEAD.replace(/-- Using keymap file.*\n/, '')}CMake Warning at keymap-module/modules/modules.cmake:220 (message):
  Failed to locate keymap file!
Call Stack (most recent call first):
  /tmp/zmk-config/zephyr/cmake/modules/zephyr_module.cmake:130 (include)
/tmp/zmk-config/zmk/app/src/keymap.c:19:2: error: #error "Keymap node not found, check a keymap is available and is has compatible = \\"zmk,keymap\\" set"
`;

export const NO_KEYMAP_NODE = `${HEAD}/tmp/zmk-config/zmk/app/src/keymap.c:19:2: error: #error "Keymap node not found, check a keymap is available and is has compatible = \\"zmk,keymap\\" set"
`;

export const NO_INCLUDE = `${HEAD}/tmp/zmk-config/config/corne.keymap:2:10: fatal error: dt-bindings/zmk/kesy.h: No such file or directory
    2 | #include <dt-bindings/zmk/kesy.h>
      |          ^~~~~~~~~~~~~~~~~~~~~~~~
compilation terminated.
${DTS_TAIL.replace('gen_defines.py failed with return code: 1', 'command failed with return code: 1')}`;

export const TOO_LARGE = `${HEAD}[320/321] Linking C executable zephyr/zmk.elf
FAILED: zephyr/zmk.elf zephyr/zmk.map
/opt/zephyr-sdk-0.16.3/arm-zephyr-eabi/bin/ld.bfd: zephyr/zmk.elf section \`text' will not fit in region \`FLASH'
/opt/zephyr-sdk-0.16.3/arm-zephyr-eabi/bin/ld.bfd: region \`FLASH' overflowed by 5432 bytes
collect2: error: ld returned 1 exit status
`;

export const C_ERROR = `${HEAD}/tmp/zmk-config/config/src/extra.c:2:3: error: unknown type name 'foo'
    2 |   foo bar;
      |   ^~~
ninja: build stopped: subcommand failed.
`;

/** Zephyr 3.5 on an unknown shield: it lists Zephyr's shields and none of ZMK's. */
export const NO_SHIELD_OF_ZMK = `${HEAD}-- Board: nice_nano_v2
-- Shield(s): corne_letf nice_view
No shield named 'corne_letf' found
Please choose from among the following shields:
adafruit_2_8_tft_touch_v2
nrf7002ek
x_nucleo_wb05kn1_spi
${INVALID_TAIL('shield')}`;

/** A board of a newer ZMK. */
export const NO_VARIANTS = `${HEAD}-- Board: nice_nano//zmk
No board named 'nice_nano//zmk' found.

Please choose one of the following boards:

arm:
  nice_60
  nice_nano
  nice_nano_v2
  planck_rev6
${INVALID_TAIL('board')}`;

/** A board of an older ZMK. */
export const NO_BOARD_ANY_MORE = `${HEAD.replace('3.5.0', '4.1.0')}No board named 'nice_nano_v2' found. Did you mean:

nice_nano

Run 'west boards' for the full list.
${INVALID_TAIL('board')}`;

/** Kconfig on a setting with blanks around its `=`, which become part of the name and the value. */
export const BLANKS_BEFORE_VALUE = inConf(
  "attempt to assign the value ' 30000' to the undefined symbol ZMK_IDLE_TIMEOUT ",
);
export const BLANK_AFTER_EQUALS = inConf(
  "' y' is not a valid value for the bool symbol ZMK_SLEEP (defined at /tmp/zmk-config/zmk/app/Kconfig:396). Assignment ignored.",
);
export const BLANK_BEFORE_TEXT = inConf(
  'malformed string literal in assignment to ZMK_KEYBOARD_NAME (defined at /tmp/zmk-config/zmk/app/Kconfig:7). Assignment ignored.',
);
