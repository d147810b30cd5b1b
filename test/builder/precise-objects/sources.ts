// The C code of the tests' ZMK: each file uses the devicetree in another way, some of which leave no trace of what they
// asked for. Every object is a function of what its source becomes.

const DEVICETREE_H = `
#pragma once
#include <devicetree_generated.h>
#define DT_CAT(a, b) a##b
#define DT_CAT3(a, b, c) a##b##c
#define DT_CAT6(a, b, c, d, e, f) a##b##c##d##e##f
#define DT_CAT7(a, b, c, d, e, f, g) a##b##c##d##e##f##g
#define DT_CAT8(a, b, c, d, e, f, g, h) a##b##c##d##e##f##g##h
#define _XXXX1 _YYYY,
#define IS_ENABLED(config) IS_ENABLED1(config)
#define IS_ENABLED1(config) IS_ENABLED2(_XXXX##config)
#define IS_ENABLED2(one_or_two) IS_ENABLED3(one_or_two 1, 0)
#define IS_ENABLED3(ignored, value, ...) value
#define COND_CODE_1(flag, yes, no) COND1(flag, yes, no)
#define COND1(flag, yes, no) COND2(_XXXX##flag, yes, no)
#define COND2(one_or_two, yes, no) COND3(one_or_two yes, no)
#define COND3(ignored, value, ...) REMOVE value
#define REMOVE(...) __VA_ARGS__
#define STRINGIFY1(s) #s
#define STRINGIFY(s) STRINGIFY1(s)
#define DT_PHA_HAS_CELL(node, prop, index, cell) \\
  IS_ENABLED(DT_CAT8(node, _P_, prop, _IDX_, index, _VAL_, cell, _EXISTS))
#define DT_PHA(node, prop, index, cell) DT_CAT7(node, _P_, prop, _IDX_, index, _VAL_, cell)
#define DT_PHA_OR(node, prop, index, cell, or) \\
  COND_CODE_1(DT_PHA_HAS_CELL(node, prop, index, cell), (DT_PHA(node, prop, index, cell)), (or))
`;

const ENTRY = `
#define ENTRY(node, prop, index) \\
  { STRINGIFY(DT_CAT6(node, _P_, prop, _IDX_, index, _PH)), \\
    DT_PHA_OR(node, prop, index, param1, 0), DT_PHA_OR(node, prop, index, param2, 0) },
#define LIST(node) DT_CAT3(node, _P_, bindings_FOREACH_PROP_ELEM)(ENTRY)
struct entry { const char *behavior; int param1; int param2; };
`;

const C: Readonly<Record<string, string>> = {
  keymap: `#include <devicetree.h>
${ENTRY}
#define LAYER(node) { LIST(node) },
const struct entry keymap[][16] = { DT_N_S_keymap_FOREACH_CHILD(LAYER) };
const int layers = DT_N_S_keymap_CHILD_NUM;
`,
  combo: `#include <devicetree.h>
${ENTRY}
#if IS_ENABLED(DT_N_S_combos_EXISTS)
#define COMBO(node) { DT_CAT(node, _P_timeout_ms), DT_CAT(node, _P_key_positions_LEN), { LIST(node) } },
const struct { int timeout; int positions; struct entry entries[16]; } combos[] = { DT_N_S_combos_FOREACH_CHILD(COMBO) };
#endif
int combo;
`,
  // As \`IS_ENABLED(DT_NODE_EXISTS(…))\`: not one trace of what is asked for in vain.
  macro: `#include <devicetree.h>
#define HAS(name) IS_ENABLED(DT_CAT3(DT_N_S_macros_S_, name, _EXISTS))
const int macros[] = { HAS(m1), HAS(m2), HAS(m3), HAS(m4), HAS(m5) };
`,
  hold_tap: `#include <devicetree.h>
#ifdef DT_N_S_behaviors_S_mt_P_tapping_term_ms
int tapping_term = DT_N_S_behaviors_S_mt_P_tapping_term_ms;
#else
int tapping_term = 200;
#endif
`,
  instances: `#include <devicetree.h>
#define INSTANCE(n) STRINGIFY(DT_CAT3(DT_N_INST_, n, _zmk_behavior_macro)),
#if IS_ENABLED(DT_COMPAT_HAS_OKAY_zmk_behavior_macro)
const char *instances[] = { DT_FOREACH_OKAY_INST_zmk_behavior_macro(INSTANCE) };
#endif
int instances_end;
`,
  // Asks whether a name is defined that an edit is likely to add, and then for others.
  first_key: `#include <devicetree.h>
#ifdef DT_N_S_keymap_S_base_P_bindings_IDX_0_VAL_param2
int first = DT_N_S_keymap_S_base_P_bindings_IDX_0_VAL_param2 + 100 * DT_N_S_keymap_S_base_P_bindings_IDX_1_EXISTS;
#else
int first = IS_ENABLED(DT_N_S_keymap_S_base_P_bindings_IDX_2_VAL_param2_EXISTS) + 7;
#endif
`,
  // What is no macro is 0 there, and leaves no trace.
  condition: `#include <devicetree.h>
#if DT_CAT3(DT_N_S_keymap_S_base_P_bindings_IDX_3, _VAL_, param1_EXISTS) && DT_N_S_keymap_S_base_P_bindings_LEN > 3
int condition = 3;
#elif DT_N_S_keymap_S_extra1_EXISTS
int condition = 2;
#else
int condition = 1;
#endif
`,
  // What is no macro stays as it is.
  spelled: `#include <devicetree.h>
const char *spelled = STRINGIFY(DT_CAT(DT_N_S_keymap_S_base_P_bindings_IDX_4_VAL_, param1));
`,
  ordinals: `#include <devicetree.h>
#define ORDINAL(node) DT_CAT(node, _ORD),
const int ordinals[] = { DT_N_FOREACH_CHILD(ORDINAL) };
`,
  names: `#include <devicetree.h>
#define NAME(node) COND_CODE_1(IS_ENABLED(DT_CAT(node, _P_display_name_EXISTS)), (DT_CAT(node, _P_display_name)), ("?")),
const char *names[] = { DT_N_S_keymap_FOREACH_CHILD(NAME) };
`,
  // Made out of the devicetree by a command of which Ninja does not know it.
  checksum: '#include <dts_checksum.h>\nunsigned checksum = DTS_CHECKSUM;\n',
  plain: 'int plain = 1;\n',
};
for (let index = 1; index <= 8; index++) {
  // Code that has the header from somewhere, and no use for it.
  (C as Record<string, string>)[`driver${index}`] = `#include <devicetree.h>
int driver${index} = IS_ENABLED(DT_N_S_chosen_EXISTS) + DT_N_EXISTS * ${index};
`;
}

/** Names of the sources of objects that go into the library. */
export const SOURCES: readonly string[] = Object.keys(C);

/** Files by their place in the workspace. */
export function sourceFiles(): Record<string, string> {
  const named = Object.entries(C).map(([name, text]) => [`zmk/app/src/${name}.c`, text]);
  return {
    ...Object.fromEntries(named),
    'zephyr/include/devicetree.h': DEVICETREE_H,
    'zephyr/linker.ld': '#include <devicetree_generated.h>\nlayers = DT_N_S_keymap_CHILD_NUM;\n',
  };
}
