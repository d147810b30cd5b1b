// Writes a keymap as the C tables declared in source/keymap.h.
import type { KeyBinding, Keymap } from './keymap.ts';

/** The text of `keymap.c`. Equal keymaps give equal texts. */
export function keymapTable(keymap: Keymap): string {
  const layers = keymap.layers.map(
    (layer, number) =>
      `    { // ${number}: ${layer.name}\n${layer.bindings.map(b => `        ${binding(b)},\n`).join('')}    },\n`,
  );
  const holdTaps = keymap.holdTaps.map(
    each =>
      `    {.flavor = FLAVOR_${constant(each.flavor)}, .tapping_term = ${each.tappingTerm}, .quick_tap = ${each.quickTap}, ` +
      `.prior_idle = ${each.priorIdle}, .hold = ${binding(each.hold)}, .tap = ${binding(each.tap)}, ` +
      `.trigger_positions = ${bits(each.triggerPositions)}ull, .trigger_on_release = ${each.triggerOnRelease}},\n`,
  );
  const combos = keymap.combos.map(
    each =>
      `    {.positions = ${bits(each.positions)}ull, .layers = ${bits(each.layers)}u, .timeout = ${each.timeout}, ` +
      `.prior_idle = ${each.priorIdle}, .binding = ${binding(each.binding)}},\n`,
  );
  const steps = keymap.macros.map(({ steps }, index) => {
    const lines = steps.map(
      each =>
        `    {.step = STEP_${each.step}, .tap = ${each.tap}, .wait = ${each.wait}, .binding = ${binding(each.binding)}},\n`,
    );
    return `static const struct macro_step macro_${index}[] = {\n${lines.join('')}};\n\n`;
  });
  const macros = keymap.macros.map(
    ({ name, steps }, index) => `    {.steps = macro_${index}, .count = ${steps.length}}, // ${name}\n`,
  );
  const conditions = keymap.conditionalLayers.map(
    each => `    {.when = ${bits(each.when)}u, .layer = ${each.layer}},\n`,
  );
  return `// Generated from the keymap.
#include "keymap.h"

const uint8_t layer_count = ${keymap.layers.length};
const struct binding layers[][POSITIONS] = {
${layers.join('')}};

const struct hold_tap hold_taps[] = {
${holdTaps.join('')}};

const uint8_t combo_count = ${combos.length};
const struct combo combos[] = {
${atLeastOne(combos)}};

${steps.join('')}const struct macro macros[] = {
${atLeastOne(macros)}};

const uint8_t conditional_layer_count = ${conditions.length};
const struct conditional_layer conditional_layers[] = {
${atLeastOne(conditions)}};

const uint16_t sticky_release_after = ${keymap.stickyReleaseAfter};
`;
}

function binding(each: KeyBinding): string {
  return `{BEHAVIOR_${each.behavior}, ${each.index}, ${hex(each.first)}, ${hex(each.second)}}`;
}

/** A set of small numbers as a bit mask; a `bigint` because positions exceed 32. */
function bits(members: number[]): string {
  return `0x${members.reduce((set, member) => set | (1n << BigInt(member)), 0n).toString(16)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function constant(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** C does not allow empty arrays. */
function atLeastOne(lines: string[]): string {
  return lines.length > 0 ? lines.join('') : '    {0},\n';
}
