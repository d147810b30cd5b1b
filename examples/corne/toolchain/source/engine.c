// Events pass through the combos and the hold-taps, each of which may delay them, and then the layers.
#include "engine.h"
#include "combos.h"
#include "hold_taps.h"
#include "layers.h"
#include "macros.h"
#include "report.h"
#include "sticky.h"

void engine_start(void) {
  report_start();
  layers_start();
}

void engine_key(uint8_t position, bool pressed, uint32_t now) {
  combos_event((struct event){.time = now, .position = position, .pressed = pressed});
}

void engine_tick(uint32_t now) {
  combos_tick(now);
  hold_taps_tick(now);
  macros_tick(now);
  sticky_tick(now);
}
