// A sticky modifier acts like any other while its key is down, and stays active if that key is released unused.
#include "sticky.h"
#include "keymap.h"
#include "report.h"
#include <stdbool.h>

static uint8_t waiting;
static uint32_t since;
static bool used;

static uint8_t modifier(uint32_t usage) { return (uint8_t)(1u << (USAGE_ID(usage) - 0xE0)); }

void sticky_press(uint32_t usage) {
  used = false;
  report_press(usage);
}

void sticky_release(uint32_t usage, uint32_t now) {
  if (!used) {
    waiting |= modifier(usage);
    since = now;
  }
  report_release(usage);
}

void sticky_tick(uint32_t now) {
  if (waiting == 0 || now - since < sticky_release_after) return;
  waiting = 0;
  report_update();
}

void sticky_used(void) {
  used = true;
  waiting = 0;
}

uint8_t sticky_modifiers(void) { return waiting; }
