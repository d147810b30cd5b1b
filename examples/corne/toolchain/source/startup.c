// Start-up from reset to main: the vector table and the memory that C expects.
#include "nrf52840.h"
#include <string.h>

extern uint32_t stack_top, data_load, data_start, data_end, bss_start, bss_end;

int main(void);
void clock_tick(void);

__attribute__((noreturn)) static void reset(void) {
  SCB_AIRCR = SCB_AIRCR_RESET;
  for (;;) {
  }
}

__attribute__((noreturn)) void Reset_Handler(void) {
  // The bootloader's master boot record would forward exceptions to the SoftDevice; this firmware handles them itself.
  extern const void *const vectors[];
  SCB_VTOR = (uint32_t)vectors;
  memcpy(&data_start, &data_load, (size_t)((char *)&data_end - (char *)&data_start));
  memset(&bss_start, 0, (size_t)((char *)&bss_end - (char *)&bss_start));
  main();
  reset();
}

// After a fault, the best remedy of a keyboard is a restart.
static void fault(void) { reset(); }

__attribute__((section(".vectors"), used)) const void *const vectors[16 + 48] = {
    [0] = &stack_top, [1] = Reset_Handler, [2] = fault,  [3] = fault,
    [4] = fault,      [5] = fault,         [6] = fault,  [11] = fault,
    [12] = fault,     [14] = fault,        [15] = clock_tick,
};
