// The Adafruit bootloader reads a register that survives the reset.
#include "system.h"
#include "nrf52840.h"

#define STAY_IN_BOOTLOADER 0x57

void system_reset(void) { SCB_AIRCR = SCB_AIRCR_RESET; }

void system_bootloader(void) {
  POWER_GPREGRET = STAY_IN_BOOTLOADER;
  system_reset();
}
