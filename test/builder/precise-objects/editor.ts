// Random edits of a keymap, as people make them: keys, arguments, layers, combos, macros, properties, definitions, includes.

/** A config, as a model that can be edited and written down. */
export interface Config {
  layers: { name: string; keys: string[]; display?: string }[];
  combos: { name: string; timeout: number; positions: number[]; keys: string[] }[];
  macros: { name: string; keys: string[] }[];
  tappingTerm: number | undefined;
  conditional: [number, number] | undefined;
  defined: string | undefined;
  included: number | undefined;
  comments: number;
  conf: string[];
}

export function firstConfig(): Config {
  return {
    layers: [
      { name: 'base', keys: ['&kp 4', '&kp 5', '&trans', '&kp 7', '&mt 1 8', '&mo 1'] },
      { name: 'lower', keys: ['&trans', '&trans', '&kp 30', '&none', '&kp 31', '&trans'], display: 'Lower' },
    ],
    combos: [],
    macros: [],
    tappingTerm: undefined,
    conditional: undefined,
    defined: undefined,
    included: undefined,
    comments: 0,
    conf: ['CONFIG_ZMK_SLEEP=y'],
  };
}

/** Files of the config directory. */
export function configFiles(config: Config): Record<string, string> {
  const { layers, combos, macros, tappingTerm, conditional, defined, included, comments, conf } = config;
  const node = (name: string, content: string) => `${name} { ${content} };`;
  const compatible = (name: string) => `compatible = "${name}";`;
  const bindings = (keys: string[]) => `bindings = <${keys.join(' ')}>;`;
  const keymap = [
    ...(defined === undefined ? [] : [`#define MINE ${defined}`]),
    ...(included === undefined ? [] : ['#include "more.dtsi"']),
    '#include <behaviors.dtsi>',
    ...Array.from({ length: comments }, (_, index) => `// remark ${index}`),
    `/ { ${node(
      'keymap',
      compatible('zmk,keymap') +
        layers
          .map(({ name, keys, display }) =>
            node(name, bindings(keys) + (display === undefined ? '' : `display-name = "${display}";`)),
          )
          .join(''),
    )} };`,
    ...(combos.length === 0
      ? []
      : [
          `/ { ${node('combos', compatible('zmk,combos') + combos.map(({ name, timeout, positions, keys }) => node(name, `timeout-ms = <${timeout}>; key-positions = <${positions.join(' ')}>; ${bindings(keys)}`)).join(''))} };`,
        ]),
    ...(macros.length === 0
      ? []
      : [
          `/ { ${node('macros', macros.map(({ name, keys }) => node(name, compatible('zmk,behavior-macro') + bindings(keys))).join(''))} };`,
        ]),
    ...(tappingTerm === undefined
      ? []
      : [`/ { ${node('behaviors', node('mt', `tapping-term-ms = <${tappingTerm}>;`))} };`]),
    ...(conditional === undefined
      ? []
      : [`/ { ${node('conditional_layers', node('tri', `if-layers = <${conditional.join(' ')}>;`))} };`]),
  ];
  return {
    'config/corne.keymap': `${keymap.join('\n')}\n`,
    'config/corne.conf': conf.map(line => `${line}\n`).join(''),
    ...(included === undefined ? {} : { 'config/more.dtsi': `#define MORE ${included}\n` }),
  };
}

/** Draws numbers from 0 up to `below`. */
export type Draw = (below: number) => number;

type Edit = (config: Config, draw: Draw) => void;

/** By what a person would call them. Some change nothing. */
export const EDITS: Readonly<Record<string, Edit>> = {
  'another key': (config, draw) => {
    const keys = pick(config.layers, draw).keys;
    const at = draw(keys.length);
    if (keys[at]!.startsWith('&kp')) keys[at] = `&kp ${draw(90)}`;
    else keys[at] = anyKey(draw);
  },
  'another behavior': (config, draw) => {
    const keys = pick(config.layers, draw).keys;
    keys[draw(keys.length)] = anyKey(draw);
  },
  'transparent key gets a key': (config, draw) => {
    for (const { keys } of config.layers) {
      const at = keys.indexOf('&trans');
      if (at < 0) continue;
      keys[at] = `&kp ${draw(90)}`;
      return;
    }
  },
  'key gets a modifier': (config, draw) => {
    const keys = pick(config.layers, draw).keys;
    keys[draw(keys.length)] = `&mt ${draw(4)} ${draw(90)}`;
  },
  'key becomes transparent': (config, draw) => {
    const keys = pick(config.layers, draw).keys;
    keys[draw(keys.length)] = '&trans';
  },
  'key of the first layer': (config, draw) => {
    config.layers[0]!.keys[draw(5)] = anyKey(draw);
  },
  'layer gets longer': (config, draw) => {
    const { keys } = pick(config.layers, draw);
    if (keys.length < 12) keys.push(anyKey(draw));
  },
  'layer gets shorter': (config, draw) => {
    const { keys } = pick(config.layers, draw);
    if (keys.length > 6) keys.pop();
  },
  'layer added': (config, draw) => {
    if (config.layers.length >= 5) return;
    const keys = Array.from({ length: 6 }, () => anyKey(draw));
    const free = [1, 2, 3].find(number => config.layers.every(({ name }) => name !== `extra${number}`))!;
    config.layers.push({ name: `extra${free}`, keys });
  },
  'layer removed': config => {
    if (config.layers.length > 2) config.layers.pop();
  },
  'layers change places': config => {
    if (config.layers.length > 2) config.layers.push(config.layers.splice(1, 1)[0]!);
  },
  'layer gets a name': (config, draw) => {
    pick(config.layers, draw).display = `Name ${draw(3)} // "it's`.replaceAll('"', '');
  },
  'combo added': (config, draw) => {
    if (config.combos.length >= 4) return;
    const name = `c${draw(1000)}`;
    if (config.combos.some(combo => combo.name === name)) return;
    config.combos.push({ name, timeout: 50, positions: [draw(6), draw(6)], keys: [anyKey(draw)] });
  },
  'combo changed': (config, draw) => {
    const combo = config.combos[draw(Math.max(1, config.combos.length))];
    if (combo === undefined) return;
    if (draw(2) === 0) combo.timeout = 30 + draw(50);
    else combo.keys = [anyKey(draw)];
  },
  'combo removed': config => void config.combos.pop(),
  'macro added': (config, draw) => {
    const name = `m${1 + draw(7)}`;
    if (config.macros.every(macro => macro.name !== name)) {
      config.macros.push({ name, keys: [`&kp ${draw(90)}`, `&kp ${draw(90)}`] });
    }
  },
  'macro changed': (config, draw) => {
    const macro = config.macros[0];
    if (macro !== undefined) macro.keys[draw(2)] = anyKey(draw);
  },
  'macro removed': config => void config.macros.shift(),
  'tapping term': (config, draw) => {
    config.tappingTerm = draw(4) === 0 ? undefined : 100 + draw(100);
  },
  'conditional layer': (config, draw) => {
    config.conditional = draw(3) === 0 ? undefined : [draw(3), draw(3)];
  },
  'definition changed': (config, draw) => {
    config.defined = `&kp ${draw(90)}`;
    config.layers[1]!.keys[2] = 'MINE';
  },
  'include changed': (config, draw) => {
    config.included = draw(90);
    config.layers[1]!.keys[3] = '&kp MORE';
  },
  remark: config => void config.comments++,
  'setting changed': (config, draw) => {
    config.conf = [`CONFIG_ZMK_SLEEP=y`, `CONFIG_ZMK_IDLE_TIMEOUT=${draw(3)}`];
  },
};

function pick<T>(list: readonly T[], draw: Draw): T {
  return list[draw(list.length)]!;
}

function anyKey(draw: Draw): string {
  const kinds = [
    `&kp ${draw(90)}`,
    `&mt ${draw(4)} ${draw(90)}`,
    '&trans',
    '&none',
    `&mo ${draw(3)}`,
    `&lt ${draw(3)} ${draw(90)}`,
  ];
  return kinds[draw(kinds.length)]!;
}
