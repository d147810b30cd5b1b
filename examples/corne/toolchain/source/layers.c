// Active layers as a bit set. Conditional layers are derived from the others.
#include "layers.h"
#include <stdbool.h>

static uint32_t active;
static const struct binding nothing = {.behavior = BEHAVIOR_NONE};

static void follow_conditions(void) {
  for (uint8_t i = 0; i < conditional_layer_count; i++) {
    const struct conditional_layer *condition = &conditional_layers[i];
    bool met = (active & condition->when) == condition->when;
    if (met) {
      active |= 1u << condition->layer;
    } else {
      active &= ~(1u << condition->layer);
    }
  }
}

static void set(uint32_t next) {
  active = next | 1u;
  follow_conditions();
}

void layers_start(void) { set(0); }
void layers_hold(uint8_t layer) { set(active | 1u << layer); }
void layers_let_go(uint8_t layer) { set(active & ~(1u << layer)); }
void layers_toggle(uint8_t layer) { set(active ^ 1u << layer); }
void layers_go_to(uint8_t layer) { set(1u << layer); }

uint8_t layers_highest(void) { return (uint8_t)(31 - __builtin_clz(active)); }

const struct binding *layers_binding(uint8_t position) {
  if (position >= POSITIONS) return &combos[position - POSITIONS].binding;
  for (int layer = layer_count - 1; layer >= 0; layer--) {
    const struct binding *binding = &layers[layer][position];
    if (active >> layer & 1u && binding->behavior != BEHAVIOR_TRANSPARENT) return binding;
  }
  return &nothing;
}
