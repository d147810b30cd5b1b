// Table of the key names and behaviors in ZMK's headers, for use without a workspace: numbers of names, and
// parameter counts of behaviors.
import { KEY_USAGES } from './key-codes.ts';

/** The files in `behaviors/`: the labels and parameter counts of their behaviors. */
const BEHAVIORS = `
  key_press: kp 1 | key_toggle: kt 1 | mod_tap: mt 2 | layer_tap: lt 2 | momentary_layer: mo 1 | to_layer: to 1
  toggle_layer: tog 1 | sticky_layer: sl 1 | sticky_key: sk 1, sl 1 | transparent: trans 0 | none: none 0
  gresc: gresc 0 | caps_word: caps_word 0 | key_repeat: key_repeat 0 | reset: sys_reset 0, bootloader 0
  soft_off: soft_off 0 | studio_unlock: studio_unlock 0 | bluetooth: bt 2 | outputs: out 1 | backlight: bl 2
  rgb_underglow: rgb_ug 2 | ext_power: ext_power 1 | sensor_rotate_key_press: inc_dec_kp 2, inc_dec_cp 2
  mouse_key_press: mkp 1 | mouse_move: mmv 1 | mouse_scroll: msc 1 | mouse_keys: mkp 1, mmv 1, msc 1
  macros: macro_tap 0, macro_press 0, macro_release 0, macro_tap_time 1, macro_wait_time 1,
    macro_pause_for_release 0, macro_param_1to1 0, macro_param_1to2 0, macro_param_2to1 0, macro_param_2to2 0
`;

/** Behaviors by file name, without `.dtsi`. */
const BEHAVIOR_FILES: ReadonlyMap<string, readonly [label: string, parameters: number][]> = new Map(
  Array.from(BEHAVIORS.matchAll(/(\w+): ((?:\w+ \d,?\s*)+)/g), ([, file, list]) => [
    file!,
    Array.from(list!.matchAll(/(\w+) (\d)/g), ([, label, parameters]) => [label!, Number(parameters)]),
  ]),
);

/** Parameter counts of ZMK's own behaviors by label. */
export const BEHAVIOR_PARAMETERS: ReadonlyMap<string, number> = new Map([...BEHAVIOR_FILES.values()].flat());

/** The lines of a file in `behaviors/`. */
const behaviorLines = (file: string): string[] => [
  ...(file === 'macros' ? macros() : []),
  ...(BEHAVIOR_FILES.get(file) ?? []).map(
    ([label, parameters]) =>
      `/ { behaviors { ${label}: ${label} { #binding-cells = <${parameters}>; }; }; };`,
  ),
];

/** Numbered definitions such as `#define BT_CLR BT_CLR_CMD 0`. */
const commands = (names: string, alone = '') => [
  ...names.split(' ').map((name, index) => `#define ${name}_CMD ${index}`),
  ...names
    .split(' ')
    .map(name => `#define ${name} ${name}_CMD${alone.split(' ').includes(name) ? '' : ' 0'}`),
];

const modifiers = () => [
  ...['LCTL', 'LSFT', 'LALT', 'LGUI', 'RCTL', 'RSFT', 'RALT', 'RGUI'].map(
    (name, bit) => `#define MOD_${name} ${1 << bit}`,
  ),
  '#define APPLY_MODS(mods, keycode) (mods << 24 | keycode)',
  ...['LC LCTL', 'LS LSFT', 'LA LALT', 'LG LGUI', 'RC RCTL', 'RS RSFT', 'RA RALT', 'RG RGUI'].map(pair => {
    const [name, modifier] = pair.split(' ');
    return `#define ${name}(keycode) APPLY_MODS(MOD_${modifier}, keycode)`;
  }),
];

const pointing = () => [
  '#ifndef ZMK_POINTING_DEFAULT_MOVE_VAL',
  '#define ZMK_POINTING_DEFAULT_MOVE_VAL 600',
  '#endif',
  '#ifndef ZMK_POINTING_DEFAULT_SCRL_VAL',
  '#define ZMK_POINTING_DEFAULT_SCRL_VAL 10',
  '#endif',
  ...[1, 2, 3, 4, 5].map(button => `#define MB${button} (${1 << (button - 1)})`),
  ...['LCLK MB1', 'RCLK MB2', 'MCLK MB3'].map(
    pair => `#define ${pair.split(' ')[0]} (${pair.split(' ')[1]})`,
  ),
  '#define MOVE_Y(vert) ((vert) & 0xFFFF)',
  '#define MOVE_X(hor) (((hor) & 0xFFFF) << 16)',
  '#define MOVE(hor, vert) (MOVE_X(hor) + MOVE_Y(vert))',
  ...['MOVE', 'SCRL'].flatMap(kind => {
    const [up, down] = kind === 'MOVE' ? ['-', ''] : ['', '-'];
    const value = `ZMK_POINTING_DEFAULT_${kind}_VAL`;
    return [
      `#define ${kind}_UP MOVE_Y(${up}${value})`,
      `#define ${kind}_DOWN MOVE_Y(${down}${value})`,
      `#define ${kind}_LEFT MOVE_X(-${value})`,
      `#define ${kind}_RIGHT MOVE_X(${value})`,
    ];
  }),
];

/** `ZMK_MACRO(name, …)` and its variants define a node. */
const macros = () => [
  '#define MACRO_PLACEHOLDER 0',
  ...[
    ['ZMK_MACRO', 'zmk,behavior-macro', 0],
    ['ZMK_MACRO1', 'zmk,behavior-macro-one-param', 1],
    ['ZMK_MACRO2', 'zmk,behavior-macro-two-param', 2],
  ].map(
    ([name, compatible, cells]) =>
      `#define ${name}(name, ...) name: name { compatible = "${compatible}"; #binding-cells = <${cells}>; __VA_ARGS__ };`,
  ),
];

/** The lines of each header, by name. */
const HEADERS: Readonly<Record<string, () => string[]>> = {
  'behaviors.dtsi': () => [...BEHAVIOR_FILES.keys()].flatMap(behaviorLines),
  ...Object.fromEntries(
    Array.from(BEHAVIOR_FILES.keys(), file => [`behaviors/${file}.dtsi`, () => behaviorLines(file)]),
  ),
  'dt-bindings/zmk/keys.h': () => [
    '#include <dt-bindings/zmk/hid_usage_pages.h>',
    '#include <dt-bindings/zmk/modifiers.h>',
    ...Array.from(KEY_USAGES, ([name, usage]) => `#define ${name} (0x${usage.toString(16)})`),
  ],
  'dt-bindings/zmk/hid_usage.h': () => ['#define ZMK_HID_USAGE(page, id) ((page << 16) | id)'],
  'dt-bindings/zmk/hid_usage_pages.h': () => [
    '#include <dt-bindings/zmk/hid_usage.h>',
    ...['GD 0x01', 'KEY 0x07', 'LED 0x08', 'BUTTON 0x09', 'CONSUMER 0x0C'].map(
      page => `#define HID_USAGE_${page}`,
    ),
  ],
  'dt-bindings/zmk/modifiers.h': modifiers,
  'dt-bindings/zmk/bt.h': () => commands('BT_CLR BT_NXT BT_PRV BT_SEL BT_CLR_ALL BT_DISC', 'BT_SEL BT_DISC'),
  'dt-bindings/zmk/outputs.h': () =>
    ['TOG', 'USB', 'BLE', 'NONE'].map((name, at) => `#define OUT_${name} ${at}`),
  'dt-bindings/zmk/ext_power.h': () => ['OFF', 'ON', 'TOG'].map((name, at) => `#define EP_${name} ${at}`),
  'dt-bindings/zmk/backlight.h': () =>
    commands('BL_ON BL_OFF BL_TOG BL_INC BL_DEC BL_CYCLE BL_SET', 'BL_SET'),
  'dt-bindings/zmk/rgb.h': () => [
    ...commands(
      'RGB_TOG RGB_ON RGB_OFF RGB_HUI RGB_HUD RGB_SAI RGB_SAD RGB_BRI RGB_BRD RGB_SPI RGB_SPD RGB_EFF RGB_EFR RGB_EFS',
      'RGB_EFS',
    ),
    // Used by MoErgo's keyboards.
    '#define RGB_STATUS 15 0',
    '#define RGB_COLOR_HSB(h, s, v) 14 ((h << 16) + (s << 8) + v)',
    '#define RGB_COLOR_HSV RGB_COLOR_HSB',
  ],
  'dt-bindings/zmk/pointing.h': pointing,
  'dt-bindings/zmk/mouse.h': pointing,
  'dt-bindings/zmk/reset.h': () => ['#define RST_WARM 0x00', '#define RST_COLD 0x01', '#define RST_UF2 0x57'],
  'dt-bindings/zmk/matrix_transform.h': () => ['#define RC(row, col) (((row) << 8) + (col))'],
  'dt-bindings/zmk/matrix-transform.h': () => ['#define RC(row, col) (((row) << 8) + (col))'],
};

/** Headers of ZMK and Zephyr that define nothing about keys. */
const NOTHING = [
  /^dt-bindings\/zmk\/(?:behaviors|hid_indicators|input_transform|kscan_mock)\.h$/,
  /^(?:zephyr\/)?dt-bindings\/(?!zmk\/).+\.h$/,
  /^(?:physical_layouts|layouts\/.+|input\/processors|input\/processors\/.+)\.dtsi$/,
];

/** The key-related text of a ZMK header; undefined when the header is unknown. */
export function builtInHeader(name: string): string | undefined {
  if (Object.hasOwn(HEADERS, name)) return `#pragma once\n${HEADERS[name]!().join('\n')}\n`;
  return NOTHING.some(pattern => pattern.test(name)) ? '' : undefined;
}

let headersOfNames: Map<string, string> | undefined;

/** The ZMK header that defines a keymap name or the label of a behavior (`&kp`). */
export function headerOf(name: string): string | undefined {
  if (name.startsWith('&')) return BEHAVIOR_PARAMETERS.has(name.slice(1)) ? 'behaviors.dtsi' : undefined;
  headersOfNames ??= new Map(
    Object.entries(HEADERS)
      .filter(([header]) => !/mouse|matrix-|\/behaviors|^behaviors\//.test(header))
      .flatMap(([header, lines]) =>
        lines().flatMap(line => {
          const defined = /^#define (\w+)/.exec(line)?.[1];
          return defined === undefined ? [] : [[defined, header] as const];
        }),
      ),
  );
  return headersOfNames.get(name);
}
