// Stands where the hardware would: the keymap engine for WebAssembly, driven from a test.
#include "engine.h"
#include "report.h"
#include "system.h"

#define EXPORT(name) __attribute__((export_name(#name))) name

static struct keyboard_report report;
static int resets, bootloader_calls;

void system_reset(void) { resets++; }
void system_bootloader(void) { bootloader_calls++; }

void EXPORT(start)(void) { engine_start(); }
void EXPORT(key)(unsigned position, int pressed, unsigned now) { engine_key((uint8_t)position, pressed, now); }
void EXPORT(tick)(unsigned now) { engine_tick(now); }

// The address of the next keyboard report, or null.
struct keyboard_report *EXPORT(keyboard)(void) { return report_fetch_keyboard(&report) ? &report : 0; }

// The next media usage, or -1.
int EXPORT(consumer)(void) {
  uint16_t usage;
  return report_fetch_consumer(&usage) ? usage : -1;
}

int EXPORT(reset_count)(void) { return resets; }
int EXPORT(bootloader_count)(void) { return bootloader_calls; }
