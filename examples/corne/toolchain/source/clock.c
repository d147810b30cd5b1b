// The 64 MHz crystal clock and a tick every millisecond.
#include "clock.h"
#include "nrf52840.h"

#define CORE_HZ 64000000u

static volatile uint32_t milliseconds;

void clock_tick(void) { milliseconds++; }

void clock_start(void) {
  POWER_DCDCEN = 1;
  CLOCK_EVENTS_HFCLKSTARTED = 0;
  CLOCK_TASKS_HFCLKSTART = 1;
  while (!CLOCK_EVENTS_HFCLKSTARTED) {
  }
  SYSTICK_LOAD = CORE_HZ / 1000u - 1u;
  SYSTICK_VAL = 0;
  SYSTICK_CTRL = SYSTICK_ENABLE_WITH_INTERRUPT;
}

uint32_t clock_now(void) { return milliseconds; }

uint32_t clock_wait(void) {
  uint32_t now = milliseconds;
  while (milliseconds == now) {
    __asm__ volatile("wfi");
  }
  return milliseconds;
}
