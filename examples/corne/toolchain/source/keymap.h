// The keymap as tables. The tables themselves are written by ../table.ts, from config/corne.keymap.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// As in ZMK: modifiers in the top byte, then the usage page in one byte, then the usage.
#define USAGE_MODIFIERS(usage) ((uint8_t)((usage) >> 24))
#define USAGE_PAGE(usage) ((uint8_t)((usage) >> 16))
#define USAGE_ID(usage) ((uint16_t)(usage))
#define PAGE_KEYBOARD 0x07
#define PAGE_CONSUMER 0x0C

enum behavior {
  BEHAVIOR_NONE,
  BEHAVIOR_TRANSPARENT,
  BEHAVIOR_KEY,          // first: usage
  BEHAVIOR_STICKY_KEY,   // first: usage, a modifier
  BEHAVIOR_LAYER,        // first: layer, while held
  BEHAVIOR_TO_LAYER,     // first: layer
  BEHAVIOR_TOGGLE_LAYER, // first: layer
  BEHAVIOR_HOLD_TAP,     // index: into hold_taps, first and second: what its two behaviors get
  BEHAVIOR_MACRO,        // index: into macros
  BEHAVIOR_RESET,
  BEHAVIOR_BOOTLOADER,
};

struct binding {
  uint8_t behavior;
  uint8_t index;
  uint32_t first, second;
};

enum flavor { FLAVOR_HOLD_PREFERRED, FLAVOR_BALANCED, FLAVOR_TAP_PREFERRED, FLAVOR_TAP_UNLESS_INTERRUPTED };

// Times are milliseconds, 0 for "not used"; positions are sets, bit n for position n.
struct hold_tap {
  uint8_t flavor;
  uint16_t tapping_term, quick_tap, prior_idle;
  struct binding hold, tap;
  // Held only if the first other key is one of these; empty for any. That key may be judged when it goes up again.
  uint64_t trigger_positions;
  bool trigger_on_release;
};

struct combo {
  uint64_t positions;
  uint32_t layers;
  uint16_t timeout, prior_idle;
  struct binding binding;
};

enum step { STEP_TAP, STEP_PRESS, STEP_RELEASE };

struct macro_step {
  uint8_t step;
  // How long a tap lasts, and how long to wait afterwards, in milliseconds.
  uint16_t tap, wait;
  struct binding binding;
};

struct macro {
  const struct macro_step *steps;
  uint8_t count;
};

struct conditional_layer {
  uint32_t when;
  uint8_t layer;
};

#define POSITIONS 42
#define COMBOS_MAX 22

extern const uint8_t layer_count;
extern const struct binding layers[][POSITIONS];
extern const struct hold_tap hold_taps[];
extern const uint8_t combo_count;
extern const struct combo combos[];
extern const struct macro macros[];
extern const uint8_t conditional_layer_count;
extern const struct conditional_layer conditional_layers[];
extern const uint16_t sticky_release_after;
