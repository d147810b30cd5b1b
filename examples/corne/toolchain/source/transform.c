// A Corne has three rows of twelve keys and three thumb keys on each side.
#include "transform.h"

uint8_t transform(unsigned row, unsigned column) {
  if (row < 3 && column < 12) return (uint8_t)(12 * row + column);
  if (row == 3 && column >= 3 && column <= 8) return (uint8_t)(36 + column - 3);
  return NO_POSITION;
}
