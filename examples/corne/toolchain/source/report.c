// Reports wait in a ring until the computer asks: a tap within one millisecond is two reports.
#include "report.h"
#include "keymap.h"
#include "sticky.h"
#include <string.h>

#define RING 32 // a power of two

static uint8_t modifier_counts[8];
static uint8_t keys[KEYS_AT_ONCE];
static uint8_t key_modifiers[KEYS_AT_ONCE];
static uint8_t latest_modifiers;

static struct keyboard_report keyboard_ring[RING], last;
static uint8_t keyboard_in, keyboard_out;
static uint16_t consumer_ring[RING], consumer;
static uint8_t consumer_in, consumer_out;

void report_start(void) {
  memset(modifier_counts, 0, sizeof modifier_counts);
  memset(keys, 0, sizeof keys);
}

bool report_is_modifier(uint32_t usage) {
  return USAGE_PAGE(usage) == PAGE_KEYBOARD && USAGE_ID(usage) >= 0xE0 && USAGE_ID(usage) <= 0xE7;
}

static uint8_t modifiers(void) {
  uint8_t set = latest_modifiers | sticky_modifiers();
  for (unsigned i = 0; i < 8; i++) {
    if (modifier_counts[i] > 0) set |= (uint8_t)(1u << i);
  }
  return set;
}

void report_update(void) {
  struct keyboard_report report = {.modifiers = modifiers()};
  memcpy(report.keys, keys, sizeof keys);
  if (memcmp(&report, &last, sizeof report) == 0) return;
  last = report;
  keyboard_ring[keyboard_in++ % RING] = report;
  if ((uint8_t)(keyboard_in - keyboard_out) > RING) keyboard_out++;
}

static void consumer_update(uint16_t usage) {
  consumer = usage;
  consumer_ring[consumer_in++ % RING] = usage;
  if ((uint8_t)(consumer_in - consumer_out) > RING) consumer_out++;
}

void report_press(uint32_t usage) {
  if (USAGE_PAGE(usage) == PAGE_CONSUMER) {
    consumer_update(USAGE_ID(usage));
    return;
  }
  if (report_is_modifier(usage)) {
    modifier_counts[USAGE_ID(usage) - 0xE0]++;
  } else {
    // The modifiers of `LC(A)` must not affect a key that is typed while it is still down.
    latest_modifiers = USAGE_MODIFIERS(usage);
    for (unsigned i = 0; i < KEYS_AT_ONCE; i++) {
      if (keys[i] != 0) continue;
      keys[i] = (uint8_t)USAGE_ID(usage);
      key_modifiers[i] = USAGE_MODIFIERS(usage);
      break;
    }
  }
  report_update();
}

void report_release(uint32_t usage) {
  if (USAGE_PAGE(usage) == PAGE_CONSUMER) {
    if (consumer == USAGE_ID(usage)) consumer_update(0);
    return;
  }
  if (report_is_modifier(usage)) {
    uint8_t *count = &modifier_counts[USAGE_ID(usage) - 0xE0];
    if (*count > 0) (*count)--;
  } else {
    for (unsigned i = 0; i < KEYS_AT_ONCE; i++) {
      if (keys[i] != (uint8_t)USAGE_ID(usage) || key_modifiers[i] != USAGE_MODIFIERS(usage)) continue;
      keys[i] = 0;
      key_modifiers[i] = 0;
      break;
    }
    if (latest_modifiers == USAGE_MODIFIERS(usage)) latest_modifiers = 0;
    sticky_used();
  }
  report_update();
}

bool report_fetch_keyboard(struct keyboard_report *report) {
  if (keyboard_in == keyboard_out) return false;
  *report = keyboard_ring[keyboard_out++ % RING];
  return true;
}

bool report_fetch_consumer(uint16_t *usage) {
  if (consumer_in == consumer_out) return false;
  *usage = consumer_ring[consumer_out++ % RING];
  return true;
}
