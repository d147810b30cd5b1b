// Main loop, once a millisecond: scan, synchronize with the other half, apply the keymap, report to the computer.
//
// Both halves run the same program. The one with the USB cable applies the keymap; the other only sends its switches.
#include "clock.h"
#include "debounce.h"
#include "engine.h"
#include "link.h"
#include "matrix.h"
#include "transform.h"
#include "usb.h"

static uint8_t known[ROWS][2 * COLUMNS];

static void tell_engine(const uint8_t rows[ROWS], uint8_t column_offset, uint32_t now) {
  for (unsigned row = 0; row < ROWS; row++) {
    for (unsigned local = 0; local < COLUMNS; local++) {
      unsigned column = column_offset + local;
      if (column >= 2 * COLUMNS) return;
      uint8_t pressed = rows[row] >> local & 1u;
      if (pressed == known[row][column]) continue;
      known[row][column] = pressed;
      uint8_t position = transform(row, column);
      if (position != NO_POSITION) engine_key(position, pressed, now);
    }
  }
}

int main(void) {
  uint8_t raw[ROWS], steady[ROWS] = {0};
  clock_start();
  matrix_start();
  link_start();
  engine_start();
  for (;;) {
    uint32_t now = clock_wait();
    matrix_scan(raw);
    debounce(raw, steady);
    if (usb_poll()) {
      struct link_packet other;
      tell_engine(steady, half.column_offset, now);
      link_receive(&other, now);
      tell_engine(other.rows, other.column_offset, now);
      engine_tick(now);
      usb_send();
    } else {
      link_send(steady, now);
    }
  }
}
