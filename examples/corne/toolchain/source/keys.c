// Executes behaviors.
#include "keys.h"
#include "layers.h"
#include "macros.h"
#include "report.h"
#include "sticky.h"
#include "system.h"

static struct binding active[POSITIONS + COMBOS_MAX];
static uint32_t typed_at;
static uint8_t typed_position;
static bool typed;

static bool types(const struct binding *binding) {
  return binding->behavior == BEHAVIOR_KEY && !report_is_modifier(binding->first);
}

void keys_perform(const struct binding *binding, bool pressed, uint32_t now) {
  uint8_t layer = (uint8_t)binding->first;
  switch (binding->behavior) {
  case BEHAVIOR_KEY:
    pressed ? report_press(binding->first) : report_release(binding->first);
    break;
  case BEHAVIOR_STICKY_KEY:
    pressed ? sticky_press(binding->first) : sticky_release(binding->first, now);
    break;
  case BEHAVIOR_LAYER:
    pressed ? layers_hold(layer) : layers_let_go(layer);
    break;
  case BEHAVIOR_TO_LAYER:
    if (pressed) layers_go_to(layer);
    break;
  case BEHAVIOR_TOGGLE_LAYER:
    if (pressed) layers_toggle(layer);
    break;
  case BEHAVIOR_MACRO:
    if (pressed) macros_play(binding->index, now);
    break;
  case BEHAVIOR_RESET:
    if (pressed) system_reset();
    break;
  case BEHAVIOR_BOOTLOADER:
    if (pressed) system_bootloader();
    break;
  default:
    break;
  }
}

void keys_press(uint8_t position, const struct binding *binding, uint32_t now) {
  if (types(binding)) {
    typed = true;
    typed_at = now;
    typed_position = position;
  }
  active[position] = *binding;
  keys_perform(binding, true, now);
}

void keys_release(uint8_t position, uint32_t now) {
  struct binding binding = active[position];
  active[position].behavior = BEHAVIOR_NONE;
  keys_perform(&binding, false, now);
}

uint8_t keys_last_typed(void) { return typed_position; }

bool keys_typed_within(uint16_t period, uint32_t now) { return typed && now - typed_at < period; }
