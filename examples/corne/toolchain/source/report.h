// USB HID reports, built from the pressed keys.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define KEYS_AT_ONCE 6

// The layout of the boot protocol, which every BIOS understands.
struct keyboard_report {
  uint8_t modifiers;
  uint8_t reserved;
  uint8_t keys[KEYS_AT_ONCE];
};

void report_start(void);
void report_press(uint32_t usage);
void report_release(uint32_t usage);

// Reports modifiers that changed without a key.
void report_update(void);

bool report_is_modifier(uint32_t usage);

// The oldest report that was not fetched yet; false when there is none. No change is ever dropped.
bool report_fetch_keyboard(struct keyboard_report *report);
bool report_fetch_consumer(uint16_t *usage);
