// Diodes lead from column to row: drive one column high and read the rows.
#include "matrix.h"
#include "nrf52840.h"

static const struct pin row_pins[ROWS] = {{0, 22}, {0, 24}, {1, 0}, {0, 11}};

void matrix_start(void) {
  for (unsigned column = 0; column < COLUMNS; column++) {
    struct pin pin = half.columns[column];
    GPIO_OUTCLR(pin.port) = 1u << pin.number;
    GPIO_DIRSET(pin.port) = 1u << pin.number;
    GPIO_PIN_CNF(pin.port, pin.number) = GPIO_PIN_CNF_OUTPUT;
  }
  for (unsigned row = 0; row < ROWS; row++) {
    GPIO_PIN_CNF(row_pins[row].port, row_pins[row].number) = GPIO_PIN_CNF_INPUT_PULLDOWN;
  }
}

// About a microsecond, until the charge of the wires follows the pin.
static void settle(void) {
  for (unsigned turn = 0; turn < 32; turn++) {
    __asm__ volatile("nop");
  }
}

void matrix_scan(uint8_t rows[ROWS]) {
  for (unsigned row = 0; row < ROWS; row++) rows[row] = 0;
  for (unsigned column = 0; column < COLUMNS; column++) {
    struct pin drive = half.columns[column];
    GPIO_OUTSET(drive.port) = 1u << drive.number;
    settle();
    for (unsigned row = 0; row < ROWS; row++) {
      struct pin sense = row_pins[row];
      if (GPIO_IN(sense.port) >> sense.number & 1u) rows[row] |= (uint8_t)(1u << column);
    }
    GPIO_OUTCLR(drive.port) = 1u << drive.number;
    settle();
  }
}
